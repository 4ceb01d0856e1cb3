/** What a person who writes a template begins with: the plainest chat format, answers between generation tags. */
export const starterTemplate = `{%- for message in messages -%}
{%- if message.role == "assistant" -%}
<|assistant|>{% generation %}{{ message.content }}<|end|>{% endgeneration %}{{ "\\n" }}
{%- else -%}
<|{{ message.role }}|>{{ message.content }}<|end|>{{ "\\n" }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|assistant|>
{%- endif -%}
`;
