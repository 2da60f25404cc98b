# Written by Lockstep. The policy is in data.json; see statement.json for what it could not express.
# Without an answer, and with a mistake anywhere, a call is denied.
package lockstep.authz

default allow := false

allow if {
  some grant in data.lockstep.grants
  grant.server == input.server
  grant.tool == input.tool
  is_about(grant)
  is_object(input.arguments)
  # Beyond this our own observer stops looking.
  count(input.arguments) <= 80
  count([value | walk(input.arguments, [_, value])]) <= 4000
  not fails(grant)
}

fails(grant) if {
  some rule in grant.rules
  not passes(rule)
}

is_about(grant) if grant.agent == input.agent

# A grant without an agent is for every agent that has none of its own.
is_about(grant) if {
  not grant.agent
  is_string(input.agent)
  not is_named
}

is_named if {
  some name in data.lockstep.agents
  name == input.agent
}

# Every scalar with its path: positions in lists leave no trace, and names are escaped as in RFC 6901.
leaves contains [name, value] if {
  walk(input.arguments, [path, value])
  not is_object(value)
  not is_array(value)
  parts := [replace(replace(part, "~", "~0"), "/", "~1") | some i; part := path[i]; is_string(part)]
  name := concat("/", parts)
}

# What is nested deeper than our own observer looks is denied.
is_deep if {
  walk(input.arguments, [path, _])
  count(path) > 24
}

passes(rule) if {
  not is_deep
  not has_refused(rule)
  not lacks(rule)
  not is_long(rule)
}

has_refused(rule) if {
  some leaf in leaves
  not leaf_passes(rule, leaf[0], leaf[1])
}

lacks(rule) if {
  some path in rule.required
  not is_sent(path)
}

is_long(rule) if {
  some name, most in rule.items
  is_array(input.arguments[name])
  count(input.arguments[name]) > most
}

is_sent(path) if {
  some leaf in leaves
  leaf[0] == path
  not is_empty(leaf[1])
}

is_empty(value) if is_null(value)

is_empty(value) if value == ""

# What is empty is as good as absent.
leaf_passes(rule, path, value) if {
  is_empty(value)
  not is_required(rule, path)
}

is_required(rule, path) if {
  some required in rule.required
  required == path
}

leaf_passes(rule, path, value) if admits(rule.arguments[path], value)

leaf_passes(rule, path, value) if {
  not rule.arguments[path]
  some test in rule.others
  admits(test, value)
}

admits(test, value) if {
  is_boolean(value)
  some flag in test.booleans
  flag == value
}

admits(test, value) if {
  is_number(value)
  some number in test.numbers
  number == value
}

admits(test, value) if {
  is_number(value)
  some range in test.ranges
  not is_below(range, value)
  not is_above(range, value)
}

is_below(range, value) if value < range.least

is_above(range, value) if value > range.most

admits(test, value) if {
  is_string(value)
  count(value) <= test.length
  matches(test, value)
}

matches(test, value) if {
  some text in test.texts
  text == value
}

# Only ASCII is folded: the lower case of other letters is not the same everywhere.
matches(test, value) if {
  regex.match(`^[ -~]+$`, value)
  lowered := lower(value)
  some text in test.folded
  text == lowered
}

matches(test, value) if {
  some text in test.tests
  count(value) >= text.least
  count(value) <= text.most
  regex.match(text.pattern, value)
  not is_excluded(text, value)
}

is_excluded(text, value) if {
  some pattern in text.excluding
  regex.match(pattern, value)
}
