import Core
import Wire

/// Lists that are cut: what stays is what was kept, byte for byte, in a message that still reads.
enum ListTarget {
    static func run(_ bytes: [UInt8], _ choice: Choice, _ report: inout Report) {
        let revision = ProtocolRevision.allCases[choice.pick(5)]
        let kinds: [ListKind] = [.tools, .prompts, .resources, .resourceTemplates]
        let kind = kinds[Int(choice.byte >> 4) % 4]
        var reader = PassingReader()
        guard case .message(let message) = reader.read(bytes.span, as: revision, from: .server),
            let plain = Plain.read(bytes), message.kind == .result
        else { return report.outcome = "no list" }
        guard case .array(let entries)? = plain["result"]?[kind.rawValue] else {
            let outcome = ListCut.cut(kind, of: message, outline: reader.outline, in: bytes.span) { _ in .keep }
            report.expect(outcome == nil, "cut-no-list", bytes.shown)
            return report.outcome = "none"
        }
        var numbers = choice
        var decisions: [ListCut.Decision] = []
        var names: [String?] = []
        let cut = ListCut.cut(kind, of: message, outline: reader.outline, in: bytes.span) { entry in
            let decision: ListCut.Decision
            switch numbers.next() % 5 {
            case 0, 1: decision = .keep
            case 2, 3: decision = .drop
            default:
                decision =
                    numbers.next() % 4 == 0 ? .replace(Array("{\"a\":".utf8)) : .replace(Array(" {\"n\":1e1} ".utf8))
            }
            decisions.append(decision)
            names.append(entry.name)
            return decision
        }
        guard let cut else { return report.expect(false, "cut-nothing", bytes.shown) }
        report.outcome = "\(kind) \(min(cut.kept, 3)) \(min(cut.dropped, 3)) \(min(cut.replaced, 3))"
        guard decisions.count == entries.count else { return report.expect(false, "cut-entries", bytes.shown) }
        let naming = ListCut.namingMember(of: kind)
        report.expect(
            zip(names, entries).allSatisfy { name, entry in
                name.map { Array($0.utf8) } == entry[naming]?.text.map { Array($0.utf8) }
            },
            "cut-names",
            bytes.shown
        )
        var left: [Plain] = []
        for (decision, entry) in zip(decisions, entries) {
            switch decision {
            case .keep: left.append(entry)
            case .drop: break
            case .replace(let other): if let value = Plain.read(other) { left.append(value) }
            }
        }
        report.expect(cut.kept + cut.dropped + cut.replaced == entries.count, "cut-count", bytes.shown)
        guard let after = Plain.read(cut.bytes) else { return report.expect(false, "cut-unreadable", cut.bytes.shown) }
        report.expect(
            after["result"]?[kind.rawValue] == .array(left),
            "cut-list",
            "\(cut.bytes.shown) of \(bytes.shown)"
        )
        report.expect(emptied(after, kind) == emptied(plain, kind), "cut-rest", "\(cut.bytes.shown) of \(bytes.shown)")
        if !decisions.contains(where: { $0 != .keep }) {
            report.expect(cut.bytes == Array(bytes[message.range]), "cut-unchanged", bytes.shown)
        }
    }

    /// The message with an empty list.
    private static func emptied(_ message: Plain, _ kind: ListKind) -> Plain {
        guard case .object(let members) = message else { return message }
        return .object(
            members.map { member in
                guard member.key == Array("result".utf8), case .object(let inner) = member.value else { return member }
                return Plain.Member(
                    key: member.key,
                    value: .object(
                        inner.map {
                            $0.key == Array(kind.rawValue.utf8) ? Plain.Member(key: $0.key, value: .array([])) : $0
                        }
                    )
                )
            }
        )
    }
}
