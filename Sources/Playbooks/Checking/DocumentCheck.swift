import Core
import Documents
import Expressions

/// Everything that is gathered while one document is checked.
struct DocumentCheck {
    /// A reference whose step must be done before; answered when the whole graph is known.
    struct Reading {
        var step: Int
        var target: Int
        var isFinal: Bool
        var name: String
        var place: Place
    }

    let source: Source
    let catalogue: Catalogue
    let loading: Loading
    let surroundings: Surroundings?
    var names = DocumentNames()
    var calendar = Calendar()
    var diagnostics: [Diagnostic] = []
    /// Whether a playbook that this one calls could not be used.
    var isBroken = false
    var readings: [Reading] = []
    /// Values without a text form that stand inside text; reported unless the whole text is of a wrong type already.
    var mixed: [(place: Place, type: CELType)] = []
    /// Looking for near words costs time: a document with more mistakes than this gets no more of them.
    private var suggestionsLeft = 200

    init(source: Source, catalogue: Catalogue, loading: Loading) {
        self.source = source
        self.catalogue = catalogue
        self.loading = loading
        surroundings = loading.surroundings
    }

    mutating func report(_ code: String, _ message: String, at place: Place, help: String? = nil) {
        diagnostics.append(Diagnostic(code: code, message: message, at: place, help: help))
    }

    mutating func warn(_ code: String, _ message: String, at place: Place, help: String? = nil) {
        diagnostics.append(Diagnostic(.warning, code: code, message: message, at: place, help: help))
    }

    mutating func suggest(_ word: String, among known: some Collection<String>, called what: String) -> String? {
        suggestionsLeft -= 1
        guard suggestionsLeft >= 0 else { return nil }
        return suggestion(for: word, among: known, called: what)
    }

    /// Reports readings of steps that cannot be done by then.
    mutating func settleReadings(_ graph: StepGraph, isFinal: Bool) {
        let open = readings.filter { $0.isFinal == isFinal }
        let answers = graph.waits(open.map { ($0.step, $0.target) })
        for (reading, isDone) in zip(open, answers) where !isDone {
            let itself = reading.step == reading.target
            report(
                Code.forwardReference,
                itself
                    ? "\(quoted(reading.name)) reads its own outputs" : "\(quoted(reading.name)) need not be done here",
                at: reading.place,
                help: itself ? nil : "add \(quoted(reading.name)) to `needs`, or move the step behind it"
            )
        }
    }
}
