import Core

/// Compares two JSON Schemas by what they accept.
enum SchemaComparison {
    /// Who fills the value: a caller its parameters, a server its results.
    enum Direction {
        case input, output
    }

    typealias Builder = DefinitionDifference.Builder

    static func compare(
        _ old: JSON.Value?,
        _ new: JSON.Value?,
        _ path: String,
        _ direction: Direction,
        depth: Int,
        into builder: inout Builder
    ) {
        guard old != new else { return }
        guard !Builder.isTooDeep(depth) else {
            builder.add(
                path,
                "schema-changed",
                .breaking,
                .medium,
                "the schema changed below the depth that is compared"
            )
            return
        }
        guard let before = old?.object, let after = new?.object else {
            missing(old, new, path, direction, into: &builder)
            return
        }
        objects(before, after, path, direction, depth: depth, into: &builder)
    }

    private static func objects(
        _ old: JSON.Object,
        _ new: JSON.Object,
        _ path: String,
        _ direction: Direction,
        depth: Int,
        into builder: inout Builder
    ) {
        types(old["type"], new["type"], path, into: &builder)
        values(old, new, path, into: &builder)
        bounds(old, new, path, into: &builder)
        properties(old, new, path, direction, depth: depth, into: &builder)
        for member in ["items", "additionalProperties", "not"] where old[member] != new[member] {
            if old[member]?.object != nil, new[member]?.object != nil {
                compare(old[member], new[member], "\(path)/\(member)", direction, depth: depth + 1, into: &builder)
            } else if member == "additionalProperties" {
                let isWider = new[member]?.bool != false
                builder.add(
                    "\(path)/\(member)",
                    "additional-properties-changed",
                    isWider ? .widening : .narrowing,
                    .low,
                    isWider
                        ? "members without a name of their own are accepted now"
                        : "members without a name of their own are refused now"
                )
            } else {
                builder.add("\(path)/\(member)", "schema-changed", .breaking, .medium, "`\(member)` changed")
            }
        }
        for member in ["$defs", "definitions"] where old[member] != new[member] {
            named(old[member], new[member], "\(path)/\(member)", direction, depth: depth, into: &builder)
        }
        for member in ["title", "description", "$comment"] where old[member] != new[member] {
            builder.text(
                "\(path)/\(member)",
                old[member],
                new[member],
                code: member == "title" ? "title" : "description"
            )
        }
        if old["default"] != new["default"] {
            builder.add(
                "\(path)/default",
                "default-changed",
                .breaking,
                .medium,
                "a call without it now means \(Builder.show(new["default"])), not \(Builder.show(old["default"]))"
            )
        }
        others(old, new, path, into: &builder)
    }

    private static func missing(
        _ old: JSON.Value?,
        _ new: JSON.Value?,
        _ path: String,
        _ direction: Direction,
        into builder: inout Builder
    ) {
        switch (old, new, direction) {
        case (nil, _?, .output): builder.add(path, "schema-added", .narrowing, .low, "results have a schema now")
        case (_?, nil, .output):
            builder.add(path, "schema-removed", .widening, .medium, "results have no schema any more")
        default: builder.add(path, "schema-changed", .breaking, .medium, "the schema is another kind of value now")
        }
    }

    private static func types(_ old: JSON.Value?, _ new: JSON.Value?, _ path: String, into builder: inout Builder) {
        guard old != new else { return }
        let before = typeSet(old)
        let after = typeSet(new)
        guard before != after else { return }
        let effect: ChangeEffect =
            switch (before, after) {
            case (nil, _): .narrowing
            case (_, nil): .widening
            case (let before?, let after?):
                after.isSuperset(of: before) ? .widening : before.isSuperset(of: after) ? .narrowing : .breaking
            }
        builder.add(
            "\(path)/type",
            "type-changed",
            effect,
            effect == .breaking ? .medium : .low,
            "the type went from \(Builder.show(old)) to \(Builder.show(new))"
        )
    }

    /// Nil where any type fits; a number may be an integer.
    private static func typeSet(_ value: JSON.Value?) -> Set<String>? {
        guard let value else { return nil }
        var types = Set(value.string.map { [$0] } ?? (value.array ?? []).compactMap(\.string))
        if types.contains("number") { types.insert("integer") }
        return types
    }

    private static func values(_ old: JSON.Object, _ new: JSON.Object, _ path: String, into builder: inout Builder) {
        if old["enum"] != new["enum"] {
            let before = old["enum"]?.array.map { Set($0) }
            let after = new["enum"]?.array.map { Set($0) }
            switch (before, after) {
            case (let before?, let after?):
                let gone = before.subtracting(after)
                let came = after.subtracting(before)
                if !gone.isEmpty {
                    builder.add(
                        "\(path)/enum",
                        "values-removed",
                        .narrowing,
                        .low,
                        "\(gone.count) values are refused now"
                    )
                }
                if !came.isEmpty {
                    builder.add(
                        "\(path)/enum",
                        "values-added",
                        .widening,
                        .low,
                        "\(came.count) values are accepted in addition"
                    )
                }
            case (nil, _):
                builder.add("\(path)/enum", "values-limited", .narrowing, .low, "only listed values are accepted now")
            case (_, nil):
                builder.add("\(path)/enum", "values-unlimited", .widening, .medium, "any value is accepted now")
            }
        }
        if old["const"] != new["const"] {
            builder.add(
                "\(path)/const",
                "schema-changed",
                .breaking,
                .medium,
                "the only value is \(Builder.show(new["const"])) now"
            )
        }
    }

    private static func bounds(_ old: JSON.Object, _ new: JSON.Object, _ path: String, into builder: inout Builder) {
        let lower = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"]
        let upper = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"]
        for name in lower + upper where old[name] != new[name] {
            let isLower = lower.contains(name)
            let before = old[name]?.double ?? (isLower ? -.infinity : .infinity)
            let after = new[name]?.double ?? (isLower ? -.infinity : .infinity)
            let isTighter = isLower ? after > before : after < before
            builder.add(
                "\(path)/\(name)",
                "bound-changed",
                isTighter ? .narrowing : .widening,
                .low,
                "`\(name)` went from \(Builder.show(old[name])) to \(Builder.show(new[name]))"
            )
        }
        for name in ["pattern", "format", "multipleOf", "uniqueItems", "contentEncoding", "contentMediaType"]
        where old[name] != new[name] {
            let effect: ChangeEffect = old[name] == nil ? .narrowing : new[name] == nil ? .widening : .breaking
            builder.add(
                "\(path)/\(name)",
                "bound-changed",
                effect,
                effect == .breaking ? .medium : .low,
                "`\(name)` went from \(Builder.show(old[name])) to \(Builder.show(new[name]))"
            )
        }
    }

    private static func properties(
        _ old: JSON.Object,
        _ new: JSON.Object,
        _ path: String,
        _ direction: Direction,
        depth: Int,
        into builder: inout Builder
    ) {
        let before = old["properties"]?.object ?? [:]
        let after = new["properties"]?.object ?? [:]
        let required = Set((old["required"]?.array ?? []).compactMap(\.string))
        let requiredNow = Set((new["required"]?.array ?? []).compactMap(\.string))
        let noun = direction == .input ? "parameter" : "result member"
        let word = direction == .input ? "parameter" : "member"
        for name in before.keys where after[name] == nil {
            builder.add(
                "\(path)/properties/\(Builder.escaped(name))",
                "\(word)-removed",
                .breaking,
                .medium,
                "the \(noun) \(Builder.show(.string(name))) is gone"
            )
        }
        for (name, schema) in after where before[name] == nil {
            let place = "\(path)/properties/\(Builder.escaped(name))"
            let signals = PoisonSignals.find(in: schema)
            if let worst = signals.max(by: { $0.severity < $1.severity }) {
                builder.add(
                    place,
                    "\(word)-added",
                    .suspicious,
                    max(worst.severity, .high),
                    "the new \(noun) \(Builder.show(.string(name))) has \(signals.map(\.code).joined(separator: ", "))"
                )
            } else if direction == .input, requiredNow.contains(name) {
                builder.add(
                    place,
                    "\(word)-added",
                    .breaking,
                    .medium,
                    "the new \(noun) \(Builder.show(.string(name))) is required"
                )
            } else {
                builder.add(
                    place,
                    "\(word)-added",
                    .widening,
                    .low,
                    "the \(noun) \(Builder.show(.string(name))) is new"
                )
            }
        }
        for (name, schema) in after where before[name] != nil {
            let place = "\(path)/properties/\(Builder.escaped(name))"
            compare(before[name], schema, place, direction, depth: depth + 1, into: &builder)
            switch (required.contains(name), requiredNow.contains(name), direction) {
            case (false, true, .input):
                builder.add(
                    place,
                    "\(word)-required",
                    .breaking,
                    .medium,
                    "the \(noun) \(Builder.show(.string(name))) is required now"
                )
            case (true, false, .input):
                builder.add(
                    place,
                    "\(word)-optional",
                    .widening,
                    .low,
                    "the \(noun) \(Builder.show(.string(name))) may be left out now"
                )
            case (true, false, .output):
                builder.add(
                    place,
                    "\(word)-optional",
                    .breaking,
                    .low,
                    "the \(noun) \(Builder.show(.string(name))) may be missing now"
                )
            case (false, true, .output):
                builder.add(
                    place,
                    "\(word)-required",
                    .narrowing,
                    .info,
                    "the \(noun) \(Builder.show(.string(name))) is always there now"
                )
            default: break
            }
        }
        let unlisted = requiredNow.subtracting(required).filter { after[$0] == nil }
        if direction == .input, !unlisted.isEmpty {
            builder.add(
                "\(path)/required",
                "parameter-required",
                .breaking,
                .medium,
                "\(unlisted.count) parameters without a schema are required now"
            )
        }
    }

    private static func named(
        _ old: JSON.Value?,
        _ new: JSON.Value?,
        _ path: String,
        _ direction: Direction,
        depth: Int,
        into builder: inout Builder
    ) {
        let names = Set((old?.object?.keys ?? []) + (new?.object?.keys ?? [])).sorted()
        for name in names where old?[name] != new?[name] {
            let place = "\(path)/\(Builder.escaped(name))"
            guard old?[name] != nil, new?[name] != nil else {
                // Whoever refers to it has changed too, and says so at its own place.
                builder.add(place, "schema-changed", .cosmetic, .info, "a named part of the schema came or went")
                continue
            }
            compare(old?[name], new?[name], place, direction, depth: depth + 1, into: &builder)
        }
    }

    /// Everything else is compared whole; what can only be a remark is no break.
    private static func others(_ old: JSON.Object, _ new: JSON.Object, _ path: String, into builder: inout Builder) {
        let handled: Set<String> = [
            "type", "enum", "const", "properties", "required", "items", "additionalProperties", "not", "$defs",
            "definitions", "title", "description", "$comment", "default", "minimum", "exclusiveMinimum", "minLength",
            "minItems", "minProperties", "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties",
            "pattern", "format", "multipleOf", "uniqueItems", "contentEncoding", "contentMediaType",
        ]
        let remarks: Set<String> = ["$schema", "$id", "examples", "example", "deprecated", "readOnly", "writeOnly"]
        for name in Set(old.keys + new.keys).subtracting(handled).sorted() where old[name] != new[name] {
            let signals = PoisonSignals.find(in: new[name] ?? .null)
            let place = "\(path)/\(Builder.escaped(name))"
            if !signals.isEmpty {
                builder.add(
                    place,
                    "schema-changed",
                    .suspicious,
                    .high,
                    "`\(Builder.shortened(name))` now has \(signals.map(\.code).joined(separator: ", "))"
                )
            } else if remarks.contains(name) || name.hasPrefix("x-") {
                builder.add(place, "remark-changed", .cosmetic, .info, "`\(Builder.shortened(name))` changed")
            } else {
                builder.add(place, "schema-changed", .breaking, .medium, "`\(Builder.shortened(name))` changed")
            }
        }
    }
}
