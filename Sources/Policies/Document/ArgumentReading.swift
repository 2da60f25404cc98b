import Core
import Documents
import Traffic

extension PolicyReading {
    func argument(_ path: Located<String>, _ node: Node, of rule: Rule) -> ArgumentRule? {
        var argument = ArgumentRule(path: path.value, isBinding: rule.bindsByDefault)
        if case .string(let word)? = node.scalar?.value {
            if word == rule.bareArgument { return argument }
            let mistaken = word == Phrases.any
            problems.report(
                "invalid-value",
                mistaken
                    ? "only a forbid or a mined read may say `any`"
                    : "the argument \(path.value.inMessage) cannot be \(word.inMessage)",
                at: node.place,
                help: mistaken
                    ? "name what the value may be, or the classes that the agent may compose: `composed: [token, short]`"
                    : "write \(rule.bareArgument.inMessage), or a mapping"
            )
            return nil
        }
        guard var reader = MappingReader(node, problems, as: "an argument") else { return nil }
        argument.required = reader.bool("required")?.value ?? false
        if let strict = reader.bool("strict") { argument.isBinding = strict.value }
        argument.values = values("values", &reader)
        sources(&reader, &argument)
        argument.domains = texts("domains", &reader)
        argument.patterns = patterns("matches", &reader)
        argument.minimum = reader.number("at-least")?.value
        argument.maximum = reader.number("at-most")?.value
        if let minimum = argument.minimum, let maximum = argument.maximum, minimum > maximum {
            problems.report("invalid-value", "`at-least` is more than `at-most`", at: reader.place(ofKey: "at-least"))
        }
        argument.open = classes("composed", &reader)
        argument.own = classes("composed-anew", &reader)
        argument.maximumLength = reader.integer("longest", in: 0...Int64(Int32.max)).map { Int($0.value) }
        argument.maximumItems = reader.integer("most-items", in: 0...Int64(Int32.max)).map { Int($0.value) }
        if rule.isSelecting { refuseUnusable(reader, in: rule) }
        reader.finish()
        return argument
    }

    /// A forbid, or an ask about many tools, names values; where they came from, or how long they are, it cannot look at.
    private func refuseUnusable(_ reader: MappingReader, in rule: Rule) {
        for key in ["required", "from", "composed", "composed-anew", "longest", "most-items"] {
            guard let place = reader.place(ofKey: key) else { continue }
            problems.report(
                "invalid-value",
                "a \(rule.effect.rawValue) like this cannot use \(key.inMessage)",
                at: place,
                help: "use `values`, `domains`, `matches`, `at-least` or `at-most`"
            )
        }
    }

    /// Places and long texts keep their capitals; words and short phrases, which most patterns are for, do not.
    private func patterns(_ key: String, _ reader: inout MappingReader) -> [String] {
        let texts = reader.strings(key, mayBeOne: true)?.value ?? []
        for text in texts {
            if ForeignPattern.isLikely(text.value) {
                problems.warn(
                    "only-star",
                    "\(text.value.inMessage) is taken as it is written: in a pattern only `*` stands for other characters",
                    at: text.place,
                    help: "write `*` where anything may stand, or list the values with `values`"
                )
            } else if !Self.mayKeepCase(text.value.utf8) {
                warnOfCase(text, isPattern: true)
            }
        }
        return texts.map(\.value)
    }

    /// Whether it may be about a place, or about accounts, which begin with a country.
    private static func mayKeepCase(_ pattern: String.UTF8View) -> Bool {
        if pattern.contains(where: { $0 == 0x2F || $0 == 0x5C || $0 == 0x25 }) { return true }
        let begin = Array(pattern.prefix(3))
        guard begin.count == 3, begin.prefix(2).allSatisfy({ 65...90 ~= $0 }) else { return false }
        return begin[2] == 0x2A || 48...57 ~= begin[2]
    }

    private func classes(_ key: String, _ reader: inout MappingReader) -> [ValueClass] {
        var classes: [ValueClass] = []
        for text in reader.strings(key, mayBeOne: true)?.value ?? [] {
            guard let kind = ValueClass(rawValue: text.value) else {
                let near = nearest(to: text.value, in: ValueClass.allCases.map(\.rawValue))
                problems.report(
                    "invalid-value",
                    "there is no class \(text.value.inMessage)",
                    at: text.place,
                    help: near.map { "did you mean \($0.inMessage)?" }
                )
                continue
            }
            if kind.isIdentity {
                problems.report(
                    "invalid-value",
                    "an agent never composes an \(text.value.inMessage): it names a party",
                    at: text.place,
                    help: "name the parties under `values` or `domains`, or where they come from under `from`"
                )
                continue
            }
            classes.append(kind)
        }
        return classes
    }

    private func sources(_ reader: inout MappingReader, _ argument: inout ArgumentRule) {
        guard let node = reader.node("from") else { return }
        for element in node.sequence ?? [node] {
            if element.mapping != nil {
                source(element, &argument)
                continue
            }
            guard case .string(let text)? = element.scalar?.value else {
                problems.report("wrong-type", "a source must be text, not \(element.kindName)", at: element.place)
                continue
            }
            if text == Phrases.request {
                argument.fromPrompt = true
            } else if text == Phrases.anyRead {
                argument.fromAnyRead = true
            } else if let field = Phrases.parseField(text) {
                argument.fromFields.append(field)
            } else if let tool = Phrases.parseText(text) {
                argument.fromTexts.append(tool)
            } else {
                let near = nearest(to: text, in: [Phrases.request, Phrases.anyRead])
                problems.report(
                    "invalid-value",
                    "a value cannot come from \(text.inMessage)",
                    at: element.place,
                    help: near.map { "did you mean \($0.inMessage)?" }
                        ?? "write `the request`, `any read result`, `field /PATH of SERVER/TOOL` or `text of SERVER/TOOL`"
                )
            }
        }
    }

    /// The long form, for names that the phrases cannot hold.
    private func source(_ node: Node, _ argument: inout ArgumentRule) {
        guard var reader = MappingReader(node, problems, as: "a source") else { return }
        let field = reader.string("field", mayBeEmpty: true)
        let server = reader.string("server", isRequired: true, mayBeEmpty: true)
        let tool = reader.string("tool", isRequired: true, mayBeEmpty: true)
        reader.finish()
        guard let server, let tool else { return }
        let source = ServerTool(server: server.value, tool: tool.value)
        if let field {
            argument.fromFields.append(ResultField(tool: source, field: field.value))
        } else {
            argument.fromTexts.append(source)
        }
    }
}
