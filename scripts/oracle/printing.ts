/** Templates that print everything of a row, each with other means of Jinja. They are no templates of a model. */

const { raw } = String;

/** Writes a value of any type, and its members. */
const show = raw`
{%- macro show(v, depth=0) -%}
{%- if v is none %}nothing{% elif v is boolean %}{{ 'yes' if v else 'no' }}{% elif v is string %}"{{ v }}"
{%- elif v is mapping %}{% for k, w in v.items() %}{{ '\n' + '  ' * depth + k + '=' }}{{ show(w, depth + 1) }}{% endfor %}
{%- elif v is iterable %}{% for w in v %}{{ '\n' + '- ' * (depth + 1) }}{{ show(w, depth + 1) }}{% endfor %}
{%- elif v is undefined %}absent{% elif v is integer %}int {{ v }}{% elif v is float %}float {{ v }}{% else %}?{% endif %}
{%- endmacro %}`;

export const printing: Readonly<Record<string, string>> = {
  plain: raw`{{ bos_token }}
{% for m in messages %}
<{{ m.role }}> {{ m.content }} ({{ m.meta }}; {{ m.score }}; {{ m.tags }}; {{ m['name'] }}; {{ m.tool_calls }})
{% endfor %}
{{ tools }}{{ messages[0].keys() | list | length > 1 }}`,

  json: raw`{% for m in messages %}
{{ m.role | tojson }} {{ m.content | default('absent') | tojson }}
{{ m.meta | default(none) | tojson(indent=2) }}
{{ m.meta | default([]) | tojson(separators=(',', ':')) }}
{{ m.tags | default([]) | tojson(ensure_ascii=true) }} {{ m.score | default(0) | tojson }}
{% for call in m.tool_calls or [] %}{{ call.function.arguments | tojson(sort_keys=true) }} {{ call | tojson }}
{% endfor %}{% endfor %}
{% if tools %}{{ tools | tojson(indent=4, ensure_ascii=true) }}{{ (tools | first).function.parameters | tojson }}{% endif %}`,

  nested: raw`${show}
{%- for m in messages %}
{{- '\n## ' + m.role }}{{ show(m.content) }}{{ show(m.meta, 1) }}{{ show(m.score) }}{{ show(m.tags) }}
{%- for call in m.tool_calls or [] %}{{ show(call.function) }}{% endfor %}
{%- endfor %}{% for tool in tools or [] %}{{ show(tool) }}{% endfor %}`,

  calls: raw`{% for m in messages if m.tool_calls or m.role == 'tool' %}
{% if m.role == 'tool' %}
[{{ m.tool_call_id }}] {{ m.content if m.content is string else m.content | tojson }}
{% else %}
{% for c in m.tool_calls %}
{{ c.function.name }}({% for k, v in c.function.arguments.items() %}{{ k }}={{ v if v is string else v | tojson }}{{ ', ' if not loop.last }}{% endfor %}){{ ' #' ~ c.id if c.id }}
{% for k in c.function.arguments %}{{ k }};{{ c.function.arguments[k] }};{{ c.function.arguments.get(k) }}{% endfor %}
{% endfor %}
{% endif %}
{% endfor %}
{% for t in tools or [] %}{% for k, v in t.function.parameters.properties | dictsort %}{{ k }}: {{ v }}
{% endfor %}{% endfor %}`,

  strings: raw`{% for m in messages %}{% if m.content is string %}{% set c = m.content %}
{{ c.strip() }}|{{ c.lstrip() }}|{{ c.rstrip('\n. ') }}|{{ c.strip('aAHe"') }}|{{ c.lstrip('é ') }}
{{ c.upper() }}|{{ c.lower() }}|{{ c.title() }}|{{ c.capitalize() }}
{{ c.split() }}|{{ c.split(' ', 1) }}|{{ c.split('a')[-1] }}|{{ c.splitlines() }}|{{ c.rsplit(' ', 1)[0] }}
{{ c.replace('a', '<a>') }}|{{ c.replace('\n', '\\n', 1) }}|{{ c.find('o') }}|{{ c.count(' ') }}
{{ c.startswith('H') }}|{{ c.endswith(('.', 'o')) }}|{{ '.' in c }}|{{ c | length }}
{{ c | trim }}|{{ c | title }}|{{ c | capitalize }}|{{ c | indent(2, true) }}|{{ c | upper }}
{{ c.partition(' ') | list }}|{{ c | replace('o', '0') }}|{{ c ~ 1 ~ none ~ 1.0 ~ true }}
{{ c.isdigit() }}|{{ c.isalpha() }}|{{ c.isupper() }}|{{ c | string == c }}
{% endif %}{% endfor %}`,

  reasoning: raw`{% for m in messages %}
{% set thought = m.reasoning_content or m.reasoning or m.thinking or '' %}
{% if m.content is string and '</think>' in m.content %}
{{ m.content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') }} / {{ m.content.split('</think>')[-1].lstrip('\n') }}
{% endif %}
{{ m.role }}: {{ '<think>\n' + thought.strip('\n') + '\n</think>\n\n' if thought }}{{ m.content }}
{% endfor %}`,

  slices: raw`{% for m in messages[1:] + messages[:1] %}
{% set c = m.content or '' %}
{{ c[0:3] if c is not mapping }}|{{ c[-2:] if c is not mapping }}|{{ c[::-1] if c is string }}|{{ c[1::2] if c is string }}|{{ c[5:1:-1] if c is string }}
{{ m.tags[:2] if m.tags }}|{{ m.tags[::-1] if m.tags }}|{{ m.tags[-1] if m.tags }}|{{ m.tags[9] if m.tags }}
{% endfor %}{{ messages[::-1] | map(attribute='role') | join(',') }}{{ (messages | last).role }}{{ messages[-1].role }}`,

  tests: raw`{% for m in messages %}{% for v in [m.content, m.meta, m.score, m.tags, m.nothing] %}
{{ v is defined }}{{ v is none }}{{ v is string }}{{ v is number }}{{ v is integer }}{{ v is float }}{{ v is mapping }}{{ v is iterable }}{{ v is sequence }}{{ v is boolean }}{{ v is true }}{{ v is false }}{{ v is sameas none }}{{ 'T' if v else 'F' }}{{ v == 7 }}{{ v != 'yes' }}{{ v in [0, 'Oslo', 12, none] }}
{% endfor %}{{ 'tags' in m }}{{ 'a' in (m.tags or []) }}{{ (m.score is even) if m.score is integer }}{{ (m.score is divisibleby 3) if m.score is integer }}{{ (m.score is gt(5)) if m.score is defined }}
{% endfor %}`,

  numbers: raw`{% for m in messages if m.score is defined %}{% set n = m.score %}
{{ n }} {{ n + 1 }} {{ n - 0.5 }} {{ n * 2 }} {{ n / 4 }} {{ n / 3 }} {{ n / -700 }} {{ n // 3 }} {{ n // -0.7 }} {{ n % 0.3 }} {{ 1 / n if n }} {{ n % 7 }} {{ -n }} {{ n | abs }}
{{ n | string }} {{ n ~ '' }} {{ [n, {'n': n}] }} {{ n | tojson }} {{ n == 12 }} {{ n < 100 }} {{ n >= 0.1 }} {{ n | float }}
{{ '%s' % n }} {{ (n | int) if n is integer or n | abs < 1e15 }} {{ n | round if n | abs < 1e15 }} {{ n | round(1) if n | abs < 1e6 }}
{% endfor %}{{ messages | length / 2 }} {{ messages | selectattr('score', 'defined') | map(attribute='score') | list }}
{{ messages | selectattr('score', 'defined') | map(attribute='score') | sort }} {{ messages | selectattr('score', 'defined') | map(attribute='score') | max }} {{ messages | selectattr('score', 'defined') | map(attribute='score') | sum }}`,

  filters: raw`{% for m in messages %}
{{ m.tags | default(['none']) | join('+') }} {{ m.tags | default([]) | sort | list }} {{ m.tags | default([]) | unique | list }} {{ m.tags | default([]) | reverse | list }} {{ m.tags | default([]) | map('upper') | list }} {{ m.tags | default([]) | map('length') | sum }} {{ m.tags | default([]) | first | default('no first') }} {{ m.tags | default([]) | select('in', ['yes', 'Oslo']) | list }} {{ m.tags | default([]) | reject('equalto', 'yes') | list }} {{ m.tags | default([]) | batch(2) | list }}
{{ m.meta | default('', true) | string | length }} {{ m.meta | length if m.meta is iterable }} {{ m.meta | list if m.meta is mapping }} {{ m.meta | items | list if m.meta is mapping }} {{ m.content | default('x', true) | e }}
{% endfor %}{{ messages | groupby('role') | map('first') | list }} {{ messages | rejectattr('role', 'equalto', 'user') | list | length }} {{ messages | map(attribute='role') | unique | join(' ') }}`,

  flow: raw`{% set ns = namespace(count=0, last='', seen=[]) %}
{%- macro turn(role, end='.') %}<{{ role }}>{{ caller() if caller }}{{ end }}{% endmacro %}
{%- for m in messages recursive %}
{%- set ns.count = ns.count + 1 %}{% set ns.seen = ns.seen + [m.role] %}
{%- if m.role == 'system' %}S {{ m.content }}{% continue %}{% endif %}
{%- if ns.count > 3 %}stop {{ loop.index }}{% break %}{% endif %}
{{- loop.index0 ~ '/' ~ loop.length ~ loop.first ~ loop.last ~ loop.revindex ~ loop.cycle('odd', 'even') }}
{{- ' ' + loop.previtem.role if loop.previtem }}{{ ' ' + loop.nextitem.role if loop.nextitem is defined }}
{% call turn(m.role, end='!\n') %}{{ m.content }}{% endcall %}
{%- set ns.last = m.role %}
{%- else %}none{% endfor -%}
{{ ns.count }} {{ ns.last }} {{ ns.seen }} {% if add_generation_prompt %}{{ turn('assistant') }}{% endif %}
{% filter upper %}{% for t in tools or [] %}{{ t.function.name }}{% endfor %}{% endfilter %}`,

  messages: raw`{% for m in messages %}{{ m | tojson }}
{% for k, v in m.items() %}{{ k }}: {{ v }}
{% endfor %}{{ m.keys() | list }} {{ m | length }} {{ m }}
{% endfor %}{{ messages | tojson(indent=1) if add_generation_prompt }}`,

  members: raw`{% for m in messages %}{% set v = m.meta %}
{% if v is mapping %}
{{ v.a }}|{{ v['b'] }}|{{ v.get('2', 'no 2') }}|{{ v.get('x y') }}|{{ 'b' in v }}|{{ v.keys() | list }}|{{ v.values() | list }}|{{ v | length }}|{{ v | dictsort }}|{{ v | dictsort(reverse=true) | map('first') | list }}|{{ v['1'] }}|{{ v | first if v }}|{{ v.items() | list | tojson }}|{{ v | map('upper') | join(' ') }}
{% for key, value in v | items %}{{ loop.index }}{{ key | e }}={{ value | string | truncate(9, true, '~', 0) }};{% endfor %}
{% elif v is string %}
{{ v * 2 }}|{{ v | wordcount }}|{{ v | int(-1) }}|{{ v | float(0.5) }}|{{ v | list }}|{{ v | urlencode }}|{{ v.zfill(6) }}|{{ v.center(9, '*') }}|{{ v | center(9) }}|{{ v < 'b' }}|{{ v | first | default('-') }}|{{ v.isspace() }}|{{ v.swapcase() }}|{{ v.casefold() }}|{{ v.ljust(5) }}|{{ v.removeprefix('y') }}|{{ v.removesuffix('s') }}|{{ v.encode is defined }}
{% elif v is number %}
{{ '%d' % v if v is integer }}|{{ '%.2f' % v if v | abs < 1e15 }}|{{ '%5s' % v }}|{{ v ** 2 if v | abs < 1e6 }}|{{ 2 * v }}|{{ v / 3 }}|{{ 100 // v if v }}|{{ 7.5 % v if v }}|{{ v == v | int if v | abs < 1e9 }}|{{ v | round(2, 'floor') if v | abs < 1e9 }}|{{ [v, 3, 2.5] | sort }}|{{ [v, 3] | min }}|{{ [v, 1] | sum }}|{{ v > 9007199254740992 }}|{{ v < 12.5 }}|{{ v | string | length }}|{{ 1 if v is odd else 0 if v is integer }}
{% elif v is defined and v is iterable %}
{{ v | length }}|{{ v | first | default('-') }}|{{ v | last | default('-') }}|{{ v + [1] }}|{{ v * 2 }}|{{ v | map('string') | join(',') }}|{{ v | select('string') | list }}|{{ v | reject('none') | list }}|{{ v | select('number') | sum }}|{{ none in v }}|{{ v.index(v[0]) if v }}|{{ v | tojson }}|{{ v | map('tojson') | list }}|{{ v | slice(2) | list }}|{{ v | reverse | list }}|{{ v == v | list }}|{{ v.count(none) }}
{% else %}
{{ v }}|{{ v is undefined }}|{{ v | default('nothing') }}|{{ v | string }}|{{ v and 1 }}|{{ v or 'or' }}|{{ not v }}
{% endif %}
{% endfor %}`,

  formats: raw`{% for m in messages %}{% set v = m.meta %}
{{ '%s|%s' % (m.role, m.content) }} {{ '%r' % m.role }} {{ '%-12s|%5s' | format(m.role, 'x') }} {{ '{}: {}'.format(m.role, m.score) }}
{{ [m.content, m.score, (m.role, v)] }} {{ {'k': v, m.role: [m.tags]} }} {{ {1: v, none: true, 2.5: m.score} }}
{{ dict(a=v, b=m.role) }} {{ (m.content, ) }} {{ v == m.meta }} {{ [v] == [m.meta] }} {{ m.content in [m.content] }}
{% endfor %}`,
};

/** The templates by their places, for a random choice. */
export const printingNames: readonly string[] = Object.keys(printing);
