import Foundation

/// Which reader an input is for: its first byte says so, its second one under which circumstances.
enum Target: UInt8, CaseIterable {
    /// Messages: scanner, reader, refusals.
    case message = 0x6D  // m
    /// A whole request: head, body, headers against the message.
    case request = 0x72  // r
    /// A server's answer: head and body.
    case answer = 0x61  // a
    /// Event streams.
    case stream = 0x73  // s
    /// Lists that are cut.
    case list = 0x6C  // l
    /// The screen of results and the count of items.
    case screen = 0x78  // x
    /// Tokens.
    case token = 0x74  // t
    /// Signed envelopes.
    case envelope = 0x65  // e
    /// Certificates.
    case certificate = 0x63  // c
    /// Header values and numbers that are compared by their value.
    case parameter = 0x70  // p

    /// The targets that a run is for; set before libFuzzer begins.
    nonisolated(unsafe) static var chosen = Set(allCases)
    /// The longest payload that is worth its time.
    private var longest: Int { self == .screen ? 1_500 : 16_384 }

    /// Any first byte is for some target, so that no change of it is lost.
    static func of(_ byte: UInt8) -> Target {
        Target(rawValue: byte) ?? allCases[Int(byte) % allCases.count]
    }

    /// Whether the input is for a target of this run, and worth keeping.
    static func run(_ input: [UInt8]) -> Bool {
        guard input.count >= 2 else { return false }
        let target = of(input[0])
        guard unsafe chosen.contains(target), input.count <= target.longest else { return false }
        let payload = Array(input.dropFirst(2))
        let choice = Choice(byte: input[1], payload: payload)
        var report = Report()
        switch target {
        case .message: MessageTarget.run(payload, choice, &report)
        case .request: RequestTarget.run(payload, choice, &report)
        case .answer: AnswerTarget.run(payload, choice, &report)
        case .stream: StreamTarget.run(payload, choice, &report)
        case .list: ListTarget.run(payload, choice, &report)
        case .screen: ScreenTarget.run(payload, choice, &report)
        case .token: TokenTarget.run(payload, choice, &report)
        case .envelope: EnvelopeTarget.run(payload, choice, &report)
        case .certificate: CertificateTarget.run(payload, choice, &report)
        case .parameter: ParameterTarget.run(payload, choice, &report)
        }
        unsafe Findings.shared.note(input, "\(target): \(report.outcome)", report.findings)
        return true
    }
}

/// What a target saw.
struct Report {
    var outcome = ""
    var findings: [Findings.Finding] = []

    mutating func expect(_ holds: Bool, _ kind: String, _ detail: @autoclosure () -> String = "") {
        if !holds { findings.append(Findings.Finding(kind: kind, detail: detail())) }
    }
}

/// Numbers that are the same for the same input, so that every finding can be played again.
struct Choice: RandomNumberGenerator {
    let byte: UInt8
    private var state: UInt64

    init(byte: UInt8, payload: [UInt8]) {
        self.byte = byte
        // FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/).
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for value in payload { hash = (hash ^ UInt64(value)) &* 0x100_0000_01B3 }
        state = hash ^ UInt64(byte)
    }

    /// Which of `count` circumstances.
    func pick(_ count: Int) -> Int { Int(byte) % count }

    mutating func next() -> UInt64 {
        // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    /// Ways to cut so many bytes into pieces: byte by byte, in two at every place of a short input, and anywhere.
    mutating func cuts(of count: Int) -> [[Int]] {
        guard count > 1 else { return [] }
        var ways: [[Int]] = count <= 2048 ? [Array(1..<count)] : []
        if count <= 48 {
            for place in 1..<count { ways.append([place]) }
        } else {
            for _ in 0..<3 { ways.append([Int.random(in: 1..<count, using: &self)]) }
        }
        for _ in 0..<2 {
            ways.append((0..<6).map { _ in Int.random(in: 1..<count, using: &self) }.sorted())
        }
        return ways
    }
}

extension [UInt8] {
    /// The pieces between the places.
    func pieces(_ cuts: [Int]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var start = 0
        for cut in cuts + [count] where cut > start {
            pieces.append(Array(self[start..<cut]))
            start = cut
        }
        return pieces
    }

    /// For people.
    var shown: String {
        String(decoding: prefix(400), as: UTF8.self).unicodeScalars.map { $0.escaped(asASCII: true) }.joined()
    }
}

/// Watches that work grows as its input does.
enum Growth {
    /// Runs the work on a piece that is repeated to one size and to eight times that, on few inputs, as it takes long.
    ///
    /// Linear work takes eight times as long; three times that is a finding, if it is seen four times in a row.
    static func check(
        _ kind: String,
        _ piece: [UInt8],
        _ choice: Choice,
        _ report: inout Report,
        work: ([UInt8]) -> Void
    ) {
        guard unsafe Findings.shared.isReplay || choice.hash & 0x3FF == 0, piece.count >= 1, piece.count <= 4096 else {
            return
        }
        func sized(_ size: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            while bytes.count < size { bytes += piece }
            return bytes
        }
        let small = sized(8 << 10)
        let large = sized(64 << 10)
        for _ in 0..<4 {
            let before = time { for _ in 0..<2 { work(small) } }
            let after = time { for _ in 0..<2 { work(large) } }
            guard after > max(before, .microseconds(100)) * 8 * 3 else { return }
        }
        report.expect(false, "growth-\(kind)")
    }

    private static func time(_ work: () -> Void) -> Duration {
        let start = clock()
        work()
        // The processor's time, in microseconds: whatever else the machine does is not counted.
        return .microseconds(clock() - start)
    }
}

extension Choice {
    /// The same for the same input, and spread evenly.
    var hash: UInt64 {
        var copy = self
        return copy.next()
    }
}
