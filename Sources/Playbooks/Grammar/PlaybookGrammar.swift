import Core

/// The keys of a playbook: what each may hold and what it is for.
enum PlaybookGrammar {
    static let apiVersion = "lockstep/v1"

    static let document = Record(
        "playbook",
        header(kind: "Playbook") + [
            .init("phase", .integer(1...4), "The phase of the roadmap that the playbook carries out."),
            .init("inputs", .map(.name, .record(input)), "Values that the caller gives."),
            .init("vars", .map(.name, .value), "Values that several steps share, computed once when the run starts."),
            .init("secrets", .map(.name, .record(secret)), "Secrets that actions may be handed, by name."),
            .init("schedule", .record(schedule), "When the playbook is planned, as offsets from the roadmap's start."),
            .init("calendar", .record(calendar), "Windows in which steps may start, and days on which they may not."),
            .init("concurrency", .record(concurrency), "What happens when another run of the same group is on."),
            .init("defaults", .record(defaults), "What steps have unless they say otherwise."),
            .init("steps", .list(.record(step), minimum: 1), isRequired: true, "What is done, in order."),
            .init("finally", .list(.record(step), minimum: 0), "What is done at the end, however the steps ended."),
            .init("outputs", .map(.name, .template), "What the playbook hands to its roadmap or its caller."),
        ]
    )

    static func header(kind: String) -> [Record.Key] {
        [
            .init(
                "apiVersion",
                .coded(Code.unknownVersion, .choice([apiVersion])),
                isRequired: true,
                "The version of this language."
            ),
            .init("kind", .coded(Code.unknownKind, .choice([kind])), isRequired: true, "What the document is."),
            .init("id", .text(.slug), isRequired: true, "The name by which runs and reports know it."),
            .init("name", .text(.title), isRequired: true, "The title that people read."),
            .init("version", .text(.version), isRequired: true, "The version of this document, as in `1.0.0`."),
            .init("description", .text(.free), "What it is for."),
            .init("owner", .text(.principal), "Who answers for it."),
        ]
    }

    static let inputTypes: [ValueType] = [
        .string, .integer, .number, .boolean, .list, .map, .duration, .timestamp,
    ]
    static let itemTypes: [ValueType] = [.string, .integer, .number]

    static let input = Record(
        "input",
        [
            .init("type", .choice(inputTypes.map(\.rawValue)), isRequired: true, "The type of the value."),
            .init("items", .choice(itemTypes.map(\.rawValue)), "The type of a list's items."),
            .init("required", .boolean, "Whether the caller must give it."),
            .init("default", .constant, "The value when the caller gives none."),
            .init("enum", .list(.constant, minimum: 1), "The only values that are accepted."),
            .init("min", .number(-1e15...1e15), "The least number, or the least length of a text or list."),
            .init("max", .number(-1e15...1e15), "The greatest number, or the greatest length of a text or list."),
            .init("pattern", .text(.free), "A regular expression that a text must match."),
            .init("description", .text(.free), "What the input is for."),
        ]
    )

    static let secret = Record(
        "secret",
        [.init("from", .text(.secretOrigin), isRequired: true, "Where the secret comes from when it is needed.")]
    )

    static let schedule = Record(
        "schedule",
        [
            .init("start", .offset, "Offset from the start of the roadmap, as in `P4W`."),
            .init("due", .offset, "Offset by which the playbook should be done."),
        ]
    )

    static let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    static let calendar = Record(
        "calendar",
        [.init("freeze", .list(.record(freeze), minimum: 0), "Days on which no window opens.")],
        rest: (.name, .record(window))
    )

    static let window = Record(
        "window",
        [
            .init(
                "days",
                .coded(Code.invalidCalendar, .list(.choice(weekdays), minimum: 1)),
                isRequired: true,
                "The weekdays on which it opens."
            ),
            .init(
                "hours",
                .coded(Code.invalidCalendar, .text(.hours)),
                isRequired: true,
                "From when to when, as in `09:00-16:00`."
            ),
            .init("tz", .zone, isRequired: true, "The IANA time zone, as in `Europe/Berlin`."),
        ]
    )

    static let freeze = Record(
        "freeze",
        [
            .init("from", .coded(Code.invalidCalendar, .date), isRequired: true, "The first day."),
            .init("to", .coded(Code.invalidCalendar, .date), isRequired: true, "The last day."),
            .init("reason", .text(.free), isRequired: true, "Why nothing may start."),
        ]
    )

    static let concurrency = Record(
        "concurrency",
        [
            .init("group", .text(.free), isRequired: true, "Runs of one group exclude each other."),
            .init(
                "on-conflict",
                .choice(["queue", "fail", "cancel-running"]),
                "What happens to a run that finds its group taken."
            ),
        ]
    )

    static let defaults = Record(
        "defaults",
        [
            .init("timeout", .duration, "How long an action may take."),
            .init("retry", .record(retry), "How often a failing action is tried again."),
            .init("evidence", .record(evidence), "What evidence is kept, and for which controls."),
        ]
    )

    static let retry = Record(
        "retry",
        [
            .init("max", .integer(0...20), isRequired: true, "How many times more after the first attempt."),
            .init(
                "backoff",
                .choice(RetryPolicy.Backoff.allCases.map(\.rawValue)),
                "How the pause grows."
            ),
            .init("initial", .duration, "The first pause."),
            .init("max-interval", .duration, "The longest pause."),
            .init("jitter", .number(0...1), "The share of the pause by which it may vary either way."),
            .init(
                "retry-if",
                .list(.choice(RetryPolicy.Condition.allCases.map(\.rawValue)), minimum: 1),
                "Which errors are worth another attempt."
            ),
        ]
    )

    static let evidence = Record(
        "evidence",
        [
            .init("keep", .offset, "How long it is kept, as in `P400D`."),
            .init("controls", .list(.text(.control), minimum: 0), "The controls that it speaks for."),
        ]
    )
}
