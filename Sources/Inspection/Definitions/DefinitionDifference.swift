package import Core

/// What a change means to those who call a tool and to those who have approved it.
package enum ChangeEffect: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Nobody can tell the difference by calling.
    case cosmetic
    /// It accepts, returns or may do less.
    case narrowing
    /// It accepts, returns or may do more.
    case widening
    /// A call that was right is now wrong, or means something else.
    case breaking
    /// It has the marks of an attack.
    case suspicious

    package static func < (left: Self, right: Self) -> Bool {
        (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
}

/// One difference between two versions of a definition.
package struct DefinitionChange: Sendable, Hashable {
    /// A JSON pointer into the definition (RFC 6901).
    package var path: String
    /// A stable word, for example `parameter-added` or `description-changed`.
    package var code: String
    package var effect: ChangeEffect
    package var severity: Finding.Severity
    /// One sentence; quotes of the definition are shortened and shown without control characters.
    package var summary: String
}

/// Two versions of one tool compared by meaning.
package struct DefinitionDifference: Sendable, Hashable {
    package var changes: [DefinitionChange]

    package var effect: ChangeEffect { changes.map(\.effect).max() ?? .cosmetic }
    package var severity: Finding.Severity { changes.map(\.severity).max() ?? .info }
    package var isEmpty: Bool { changes.isEmpty }

    /// Compares two bodies of tools as their servers sent them.
    ///
    /// Wrong types are compared too, as plain values: a hostile server must not escape a comparison by being malformed.
    package init(from old: JSON.Value, to new: JSON.Value) {
        var builder = Builder()
        builder.compare(old, new)
        changes = builder.changes
    }
}

extension DefinitionDifference {
    struct Builder {
        var changes: [DefinitionChange] = []
        private static let maxDepth = 32
        private static let maxChanges = 1_000

        mutating func compare(_ old: JSON.Value, _ new: JSON.Value) {
            if old["name"] != new["name"] {
                add("/name", "name-changed", .breaking, .high, "the name is another: \(Self.show(new["name"]))")
            }
            for member in ["title", "description"] where old[member] != new[member] {
                text("/" + member, old[member], new[member], code: member)
            }
            SchemaComparison.compare(
                old["inputSchema"],
                new["inputSchema"],
                "/inputSchema",
                .input,
                depth: 0,
                into: &self
            )
            SchemaComparison.compare(
                old["outputSchema"],
                new["outputSchema"],
                "/outputSchema",
                .output,
                depth: 0,
                into: &self
            )
            annotations(old["annotations"], new["annotations"])
            for member in Self.otherMembers(old, new) where old[member] != new[member] {
                add("/" + member, "member-changed", .cosmetic, .info, "the member `\(Self.shortened(member))` changed")
            }
        }

        private static func otherMembers(_ old: JSON.Value, _ new: JSON.Value) -> [String] {
            let known = Set(Definition.digestedMembers)
            let names = (old.object?.keys ?? []) + (new.object?.keys ?? [])
            return Set(names).subtracting(known).sorted()
        }

        /// A text that a model reads: the words that came and went, and whether they carry the marks of an attack.
        mutating func text(_ path: String, _ old: JSON.Value?, _ new: JSON.Value?, code: String) {
            // A text of another type is compared as it is written.
            let before = old.map { $0.string ?? $0.description } ?? ""
            let after = new.map { $0.string ?? $0.description } ?? ""
            let known = Set(PoisonSignals.find(in: before).map(\.code))
            let fresh = PoisonSignals.find(in: after).filter { !known.contains($0.code) }
            let words = WordDifference(from: before, to: after)
            if let worst = fresh.max(by: { $0.severity < $1.severity }) {
                add(
                    path,
                    "\(code)-changed",
                    .suspicious,
                    max(worst.severity, .high),
                    "the new text has \(fresh.map(\.code).joined(separator: ", ")); \(words.summary)"
                )
            } else if words.isEmpty {
                add(path, "\(code)-changed", .cosmetic, .info, "only spacing, case or punctuation changed")
            } else {
                // A model may act on any word of it, so a large change is worth a look.
                let isLarge = words.added.count > 12
                add(path, "\(code)-changed", .cosmetic, isLarge ? .medium : .low, words.summary)
            }
        }

        /// Hints of the specification, with what each means where it is missing.
        private static let hints: [(name: String, whenMissing: Bool, dangerous: Bool, severity: Finding.Severity)] = [
            ("readOnlyHint", false, false, .high), ("destructiveHint", true, true, .high),
            ("idempotentHint", false, false, .low), ("openWorldHint", true, true, .medium),
        ]

        private mutating func annotations(_ old: JSON.Value?, _ new: JSON.Value?) {
            guard old != new else { return }
            for hint in Self.hints {
                let before = old?[hint.name]?.bool ?? hint.whenMissing
                let after = new?[hint.name]?.bool ?? hint.whenMissing
                let path = "/annotations/" + hint.name
                if before != after {
                    let isWorse = after == hint.dangerous
                    add(
                        path,
                        "annotation-flipped",
                        isWorse ? .widening : .narrowing,
                        isWorse ? hint.severity : .low,
                        "`\(hint.name)` went from \(before) to \(after)"
                    )
                } else if old?[hint.name] != new?[hint.name] {
                    add(
                        path,
                        "annotation-changed",
                        .cosmetic,
                        .info,
                        "`\(hint.name)` is said in another way, with the same meaning"
                    )
                }
            }
            if old?["title"] != new?["title"] {
                text("/annotations/title", old?["title"], new?["title"], code: "title")
            }
            let known = Set(Self.hints.map(\.name) + ["title"])
            for name in Set((old?.object?.keys ?? []) + (new?.object?.keys ?? [])).subtracting(known).sorted()
            where old?[name] != new?[name] {
                add(
                    "/annotations/\(Self.escaped(name))",
                    "annotation-changed",
                    .cosmetic,
                    .low,
                    "the annotation `\(Self.shortened(name))` changed"
                )
            }
        }

        mutating func add(
            _ path: String,
            _ code: String,
            _ effect: ChangeEffect,
            _ severity: Finding.Severity,
            _ summary: String
        ) {
            guard changes.count < Self.maxChanges else { return }
            changes.append(
                DefinitionChange(path: path, code: code, effect: effect, severity: severity, summary: summary)
            )
        }

        static func isTooDeep(_ depth: Int) -> Bool { depth > maxDepth }

        static func escaped(_ name: String) -> String {
            name.replacing("~", with: "~0").replacing("/", with: "~1")
        }

        static func show(_ value: JSON.Value?) -> String {
            value.map { "`\(shortened($0.string ?? $0.description))`" } ?? "nothing"
        }

        /// At most sixty characters, without anything that a terminal would act on.
        static func shortened(_ text: String) -> String {
            let scalars = Credentials.redact(text).unicodeScalars.prefix(61).map { scalar -> String in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
                    "\\u{\(String(scalar.value, radix: 16))}"
                default: String(scalar)
                }
            }
            return scalars.count > 60 ? scalars.prefix(60).joined() + "…" : scalars.joined()
        }
    }
}
