import Core

/// How a state looks: a sign and a colour, always beside the word itself, so that no meaning rests on colour.
enum Tone: String, Sendable, Hashable {
    case good, warn, bad, busy, plain

    var sign: String {
        switch self {
        case .good: "✓"
        case .warn: "▲"
        case .bad: "✕"
        case .busy: "●"
        case .plain: "○"
        }
    }

    /// The tone of a state of a run, phase, step, gate, approval or vote; plain for a word that is not known.
    init(state: String) {
        self =
            switch state {
            case "succeeded", "done", "pass", "approved", "approve", "closed", "open and valid": .good
            case "failed", "fail", "rejected", "reject", "error", "expired", "needs-attention", "expired, still open":
                .bad
            case "waiting", "inconclusive", "paused", "queued", "open", "rolling-back", "cancelling": .warn
            case "running": .busy
            default: .plain
            }
    }

    /// Whether a text is one of the states of more than one word that a mark shows on one line.
    static func isPhrase(_ text: String) -> Bool {
        ["not in this version", "not started", "open and valid", "expired, still open", "no owner"].contains(text)
    }

    init(_ severity: Finding.Severity) {
        self =
            switch severity {
            case .critical, .high: .bad
            case .medium: .warn
            case .low: .busy
            case .info: .plain
            }
    }
}

extension Timestamp {
    /// Date and minute for people, in UTC: `2026-11-23 05:02`.
    var minute: String {
        let text = description.utf8
        guard text.count == 24 else { return description }
        let day = text.prefix(10)
        let clock = text.dropFirst(11).prefix(5)
        return String(decoding: day, as: UTF8.self) + " " + String(decoding: clock, as: UTF8.self)
    }

    var day: String { String(minute.prefix(10)) }
}

/// A part of a whole: never a share alone.
struct Share: Sendable, Hashable {
    var part: Int
    var whole: Int

    /// Whole per cent rounded down, so that 100% means all; nothing when there is no whole.
    var percent: Int? {
        guard whole > 0 else { return nil }
        // In floating point, since a count read from a file may be as large as an integer gets.
        return Int(min(100, max(0, (Double(part) * 100 / Double(whole)).rounded(.down))))
    }

    var text: String {
        percent.map { "\(part) of \(whole) (\($0)%)" } ?? (part == 0 ? "none yet" : "\(part) of \(whole)")
    }
}
