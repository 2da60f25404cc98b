package import Core
package import Wire

/// What the examination of one open port, or of one address, came to.
package struct ProbeOutcome: Sendable {
    /// One for each thing that answers there: an MCP server may publish an agent card on the same port.
    package var sightings: [Sighting] = []
    package var gaps: [CoverageGap] = []
    package var findings: [Finding] = []
    /// How many HTTP requests it took.
    package var requests = 0

    package init() {}

    package var result: SurveyResult {
        SurveyResult(sightings: sightings, gaps: gaps, findings: findings)
    }
}

/// How a port is examined.
package struct ProbeLimits: Sendable, Hashable {
    /// How long one endpoint may take, everything included.
    package var endpoint: Duration
    package var exchange: HTTPExchange.Limits
    package var listing: Listing.Limits

    package init(
        endpoint: Duration = .seconds(5),
        exchange: HTTPExchange.Limits = .init(),
        listing: Listing.Limits = .standard
    ) {
        self.endpoint = endpoint
        self.exchange = exchange
        self.listing = listing
    }
}

/// Text of a stranger as it may be shown: one line, printable, not long.
enum Shown {
    static func line(_ bytes: some Sequence<UInt8>, limit: Int = 120) -> String {
        let first = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        let line = text(String(decoding: first.prefix(limit * 4), as: UTF8.self), limit: limit)
        let unreadable = line.unicodeScalars.count { $0 == "\u{FFFD}" }
        return unreadable * 4 > line.unicodeScalars.count ? "binary data" : line
    }

    static func text(_ text: String, limit: Int = 256) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
                shown.append("\u{FFFD}")
            default: shown.append(scalar)
            }
        }
        return String(shown)
    }
}
