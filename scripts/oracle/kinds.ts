/** Templates of the kinds that other renderers got wrong, each with the rows that it is rendered with. */

const { raw } = String;

/** JSON texts of rows. */
export const kindRows = {
  chat: '{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Bye"}, {"role": "assistant", "content": "Bye!"}]}',
  spaces:
    '{"messages": [{"role": "user", "content": "Go on:\\ndef f(x):"}, {"role": "assistant", "content": "    return x * 2\\n"}]}',
  edges:
    '{"messages": [{"role": "user", "content": "  And?  "}, {"role": "assistant", "content": "\\n\\n\\tpass  "}, {"role": "user", "content": "\\u00a0\\u3000\\u2028xyx\\u0085\\u200b"}, {"role": "assistant", "content": "<<a>> \\r\\n\\u001fé\\u0301é"}]}',
  calls:
    '{"messages": [{"role": "user", "content": "Pay both bills.", "name": null}, {"role": "assistant", "content": "I will.", "tool_calls": [{"id": "c00000002", "type": "function", "function": {"name": "pay", "arguments": "{\\"id\\": 9007199254740993, \\"sum\\": 12.0, \\"fee\\": 1e-7, \\"2\\": \\"b\\", \\"1\\": \\"a\\"}"}}, {"id": "c00000003", "type": "function", "function": {"name": "pay", "arguments": {"id": 18446744073709551615, "sum": 0.10, "to": null, "list": [1, null, true, "it\'s"], "deep": {"q": "\\"\\n", "e": {}, "l": []}}}}]}, {"role": "tool", "content": {"ok": true, "left": 3.0, "none": null}}, {"role": "assistant", "content": "Both are paid."}]}',
} as const;

export type KindRow = keyof typeof kindRows;

export interface Kind {
  readonly rows: readonly KindRow[];
  readonly sources: readonly string[];
}

const loop = (body: string) => `{% for m in messages %}${body}{% endfor %}`;

export const kinds: Readonly<Record<string, Kind>> = {
  "output before continue and break": {
    rows: ["chat"],
    sources: [
      "{% for m in messages %}\n{% if m.role == 'system' %}\n{{ '<|system|>' + m.content + '<|end|>' }}\n{% continue %}\n{% endif %}\n{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}\n{% if loop.last %}{% break %}{% endif %}\n{% endfor %}\n",
      loop("{{ m.role }}{% if loop.index > 2 %}!{% break %}{% endif %},"),
      loop(
        "{% for n in messages %}{{ loop.index }}{% if loop.index == 2 %}|{% break %}{% endif %}{% endfor %}{{ m.role }};",
      ),
      loop("{% for n in messages %}{% if n.role == m.role %}={% continue %}x{% endif %}{{ n.role[0] }}{% endfor %} "),
      loop(
        "{% if m.role != 'user' %}{% if m.content | length > 5 %}long {{ m.content }}{% continue %}{% else %}short{% endif %}{% endif %}{{ m.role }}.",
      ),
      loop(
        "a{% for i in range(3) %}b{{ i }}{% if i == 1 %}c{% continue %}{% endif %}d{% endfor %}{% if loop.first %}e{% continue %}{% endif %}f",
      ),
      "{% set ns = namespace(n=0) %}" +
        loop(
          "{% set ns.n = ns.n + 1 %}{{ ns.n }}{% if ns.n is even %}{% continue %}{% endif %}-{% if ns.n > 3 %}{% break %}{% endif %}+",
        ) +
        "{{ ns.n }}",
      loop("{% set x %}{{ m.role }}{% endset %}{{ x }}{% if x == 'user' %}{% continue %}{% endif %}{{ m.content }}"),
      `${loop("{% filter upper %}{{ m.role }}{% endfilter %}{% if loop.index0 == 3 %}.{% break %}{% endif %}")}end`,
      "{% macro f(items) %}{% for i in items %}{{ i }}{% if i == 2 %}two{% break %}{% endif %},{% endfor %}.{% endmacro %}" +
        loop("{{ f([1, 2, 3]) }}{% if loop.first %}{% continue %}{% endif %}{{ m.role }}"),
      "{% for m in messages if m.role != 'system' %}{{ loop.index }}{{ m.content }}{% break %}{% else %}none{% endfor %}",
      "{% for m in messages if m.role == 'tool' %}{% break %}{% else %}none{% endfor %}",
      "{% for m in messages %}{{ m.role }}{% continue %}{% else %}none{% endfor %}",
      "{% for m in messages %}{% if loop.index == 2 %}{% break %}{% endif %}{{ m.role }}{% else %}none{% endfor %}",
      "{% for a in [1, 2] %}{% for b in [] %}x{% else %}{{ a }}{% continue %}{% endfor %}y{% endfor %}",
      loop("{%- if true -%} x {%- continue -%} {%- endif -%} y "),
      loop(
        "{% if loop.last %}last{% break %}{% elif m.role == 'user' %}\n  {{ m.content }}\n  {% continue %}\n{% endif %}\n",
      ),
      loop(
        "{% with a = m.role %}{{ a }}{% endwith %}{% for k, v in m.items() %}{% if k == 'role' %}{{ k }}{% continue %}{% endif %}{{ v }}{% endfor %}",
      ),
    ],
  },
  "line breaks": {
    rows: ["chat"],
    sources: [
      "{% for m in messages %}{{ '<|' + m.role + '|>\r\n' + m.content + '<|end|>\r\n' }}{% endfor %}\r\n",
      "a\rb\r\nc\n\rd",
      "{% raw %}a\r\nb\r{{ c }}{% endraw %}\r\n{% raw %}\r\nx{% endraw %}",
      "{# a\r\nb #}\r\nc{# d #}\re",
      "x\r\n  {% if true %}\r\n  y\r\n  {% endif %}\r\nz",
      "x\n  {%+ if true +%}\n  y\n  {%- endif %}\n  z\r\n",
      "{{ \"a\r\nb\" | tojson }}{{ 'a\rb' | length }}",
      raw`{{ 'a\r\nb\n' | tojson }}{{ '\r' | length }}`,
      "{{ 'a\\\r\nb' }}",
      "  {{- 'a' }}\r\n\r\n{{ 'b' -}}\r\n  c\r\n\r\n",
      "\r\n\r\n{% set x = 1 %}\r\n\r\n{{ x }}\r\n",
      "{%- for m in messages %}\r\n{{ m.role }}\r\n{%- endfor %}\r\n\t{# c #}\r\nend\n",
      "a\u2028b\u0085c\u000bd\u000ce\n",
      "{% if true -%}\r\n\r\n a{%- endif %}\n\nb\n\n",
      "{% macro m() %}\r\n[x]\r\n{% endmacro %}\r\n{{ m() }}\r\n{% call m() %}{% endcall %}\r\n",
      "{% set t %}\r\nline\r\n{% endset %}{{ t | tojson }}",
      "\t{% if true %}\t\n\ta\n\t{% endif %}\t\nb",
    ],
  },
  "Python's values": {
    rows: ["calls"],
    sources: [
      "{% set names = {1: 'one', 2: 'two'} %}{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name }}({% for k, v in c.function.arguments.items() %}{{ k }}={{ v }}{{ ', ' if not loop.last }}{% endfor %}){% endfor %}{% else %}{{ names[1] + (m.content or '') if m.content is string or not m.content else m.content }}{% endif %}{{ '<|end|>' }}{% endfor %}\n",
      "{{ true }} {{ True }} {{ none }} {{ None }} {{ [true, none] }} {{ (1,) }} {{ () }} {{ {} }} {{ [] }}",
      "{{ 1.0 }} {{ 1e-7 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 123456789012345.6 }} {{ 1e15 }} {{ -0.0 }} {{ 5 / 2 }} {{ 4 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7.5 // 2 }}",
      "{{ 12345678901234567890123 * 10 }} {{ 2 ** 70 }} {{ 9007199254740993 }} {{ 9007199254740993 / 3 }} {{ 10 // 3.0 }} {{ 1_000_000 }}",
      "{{ {1: 'a', 2.5: 'b', true: 'c', none: 'd', 'e': (1, 2)} }} {{ {1: 'a'}[1.0] }} {{ {1: 'a'}[true] }} {{ {1: 'a'}['1'] is defined }}",
      raw`{{ ["it's", '"', "it's \"q\"", '\\', '\n\t\x00\u00e9\U0001F600'] }} {{ 'a\x41\101' }}`,
      "{{ [[1, [2, (3, {'a': [none]})]], {'b': {'c': 1.50}}] }} {{ [1, 2] + [3] }} {{ (1, 2) + (3,) }} {{ [0] * 3 }}",
      "{{ [1, 2, 3, 4][1:3] }} {{ [1, 2, 3, 4][::-2] }} {{ 'abcdef'[-3:-1] }} {{ (1, 2, 3)[:2] }} {{ 'abc'[5:] }} {{ [1, 2, 3][10:] }} {{ range(10)[2:5] | list }}",
      "{% set ns = namespace(a=1, l=[]) %}{% set ns.a = ns.a + 0.5 %}{% set ns.l = ns.l + [ns.a] %}{{ ns.a }} {{ ns.l }} {{ ns.b is defined }}",
      "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments }}\n{{ c.function.arguments | tojson }}\n{{ c.function.arguments | tojson(indent=1) }}\n{% endfor %}{% endfor %}",
      "{% for m in messages %}{{ m.name is defined }}{{ m.name is none }}{{ m.content is mapping }}{{ m.content }}{{ m.content | string | length }} {% endfor %}",
      "{{ 1 == 1.0 }} {{ 1 == true }} {{ '1' == 1 }} {{ none == false }} {{ [1] == [1.0] }} {{ (1,) == [1] }} {{ {'a': 1} == {'a': 1.0} }} {{ 3 in [1, 3.0] }} {{ 'a' in {'a': 1} }}",
      "{{ 'x' ~ 1.0 ~ none ~ true ~ [1, 'a'] }} {{ '%s %s %r' % (none, 1e-7, 'é') }} {{ [1, 2.0, 'a'] | join('|') }} {{ 3 | string + 'a' }}",
      "{{ 3.7 | int }} {{ '12.5' | float }} {{ 'x' | int }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 1234.567 | round(-2) }} {{ 5 | round }} {{ -3 | abs }} {{ [1, 2.5] | sum }}",
      "{{ not none }} {{ not [] }} {{ none or 'x' }} {{ 0 or [] }} {{ 1 and 'y' }} {{ 'a' if 0.0 else 'b' }} {{ 'a' if '0' else 'b' }} {{ none is none }} {{ 1 is number }} {{ true is number }} {{ true is integer }} {{ 1.0 is float }}",
    ],
  },
  "strip with an argument": {
    rows: ["spaces", "edges"],
    sources: [
      raw`{% for m in messages %}{{ '<|' + m.role + '|>' + (m.content | trim if m.role == 'user' else m.content.lstrip('\n').rstrip(' ')) + '<|end|>' }}{% endfor %}`,
      loop("[{{ m.content.strip() }}][{{ m.content.lstrip() }}][{{ m.content.rstrip() }}]"),
      loop("[{{ m.content.strip(none) }}][{{ m.content.lstrip(none) }}][{{ m.content | trim(none) }}]"),
      loop("[{{ m.content.strip('') }}][{{ m.content.rstrip('') }}][{{ m.content | trim('') }}]"),
      loop(raw`[{{ m.content.strip(' \n') }}][{{ m.content.strip('\n\t ') }}][{{ m.content | trim('\n') }}]`),
      loop("[{{ m.content.strip('<>a') }}][{{ m.content.lstrip('<') }}][{{ m.content.rstrip('é') }}]"),
      loop(
        raw`[{{ m.content.strip('\u00a0\u3000x') }}][{{ m.content.strip('\u200b') }}][{{ m.content.rstrip('\u0301é') }}]`,
      ),
      loop("[{{ m.content.lstrip('dGo ef') }}][{{ m.content.rstrip(':)x(f') }}]"),
      loop(raw`[{{ m.content.rstrip('2\n') }}][{{ m.content.rstrip('\n2') }}][{{ m.content.strip('.') }}]`),
      loop("[{{ m.content.replace(' ', '').strip('A?') }}][{{ (m.content + m.content).strip(m.content[0]) }}]"),
      loop("[{{ m.content | trim | length }}][{{ m.content.strip() | length }}][{{ m.content.strip(' ') | length }}]"),
      loop("[{{ m.content.strip(chars=' ') }}]"),
      loop("[{{ m.content | trim(chars=' ') }}][{{ '  a  ' | trim }}][{{ 5 | trim }}]"),
      raw`{{ '\U0001F600a\U0001F600'.strip('\U0001F600') }}{{ 'ab\U0001F600'.rstrip('\u0062\U0001f600') }}{{ '\X41\n{' }}`,
      "{{ 'aXa'.replace('a', new='b') }}",
      "{{ 'a b'.split(sep=' ') }}{{ 'a b c'.rsplit(' ', maxsplit=1) }}{{ 'a\nb'.splitlines(keepends=true) }}",
      "{{ 'aXa'.startswith(prefix='a') }}",
      "{{ 'x'.strip(1) }}",
      "{{ 'xyx'.strip('x', 'y') }}",
    ],
  },
};
