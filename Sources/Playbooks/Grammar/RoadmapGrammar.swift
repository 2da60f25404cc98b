/// The keys of a roadmap.
enum RoadmapGrammar {
    static let document = Record(
        "roadmap",
        PlaybookGrammar.header(kind: "Roadmap") + [
            .init("inputs", .map(.name, .record(PlaybookGrammar.input)), "Values that whoever starts it gives."),
            .init("start", .date, "The day on which the programme starts, quoted: `\"2027-01-04\"`."),
            .init("phases", .list(.record(phase), minimum: 1), isRequired: true, "The phases, in order."),
        ]
    )

    static let phase = Record(
        "phase",
        [
            .init("id", .text(.name), isRequired: true, "The name by which runs and reports know the phase."),
            .init("number", .integer(1...4), isRequired: true, "Its number."),
            .init("name", .text(.title), isRequired: true, "The title that people read."),
            .init("start", .offset, isRequired: true, "Offset from the start of the roadmap, as in `P4W`."),
            .init("due", .offset, "Offset by which the phase should be done; none for one that never ends."),
            .init(
                "playbook",
                .text(.free),
                isRequired: true,
                "The playbook of the phase, or `none` where this version has none."
            ),
            .init("with", .map(.input, .value), "What the playbook is given."),
            .init("exit", .either(.expression, .record(PlaybookGrammar.gate)), "What must hold at its end."),
        ]
    )
}
