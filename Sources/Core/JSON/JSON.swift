/// JSON as this project reads and writes it: strict, bounded, and with one meaning for every text.
///
/// The reader accepts RFC 8259 and refuses what other readers would understand differently: two equal keys in one
/// object (also when one of them is spelled with escapes), bytes that are not UTF-8, half a surrogate pair, a byte
/// order mark, a number that no double can hold. There are two ways to read: `parse` builds a `Value`, and `Outline`
/// remembers only where everything stands, for code that decides on bytes and passes the same bytes on.
package enum JSON {
    /// How much input a reader takes before it refuses.
    package struct Limits: Sendable, Hashable {
        /// The length of the whole text.
        package var maxBytes: Int
        /// How many arrays and objects may be open at once; never more than `deepest`.
        package private(set) var maxDepth: Int
        /// The length of one string as it is written, without its quotes.
        package var maxStringBytes: Int
        /// How many members one object may have.
        package var maxMembers: Int
        /// How many values and keys the whole text may have.
        package var maxTokens: Int

        /// Deeper values could not be written, compared or freed by code that calls itself once a level.
        package static let deepest = 512

        /// The length of one number: RFC 8259 lets a reader set a limit, and no useful number is longer.
        static let maxNumberBytes = 1024

        package init(
            maxBytes: Int = 16 << 20,
            maxDepth: Int = 128,
            maxStringBytes: Int = 16 << 20,
            maxMembers: Int = 100_000,
            maxTokens: Int = 2_000_000
        ) {
            self.maxBytes = maxBytes
            self.maxDepth = min(maxDepth, Self.deepest)
            self.maxStringBytes = maxStringBytes
            self.maxMembers = maxMembers
            self.maxTokens = maxTokens
        }

        /// 16 MiB, 128 levels, 100,000 members an object, two million values and keys.
        package static let standard = Limits()
    }

    /// Why a text is not JSON that this project accepts, and at which byte.
    package struct ScanError: Error, Hashable, Sendable, CustomStringConvertible {
        /// The reasons for a refusal; the raw value is stable.
        package enum Code: String, Sendable, Hashable, CaseIterable {
            case unexpected, unterminated, trailing
            case duplicateKey = "duplicate-key"
            case invalidUTF8 = "invalid-utf8"
            case byteOrderMark = "byte-order-mark"
            case controlCharacter = "control-character"
            case badNumber = "bad-number"
            case badEscape = "bad-escape"
            case loneSurrogate = "lone-surrogate"
            case tooDeep = "too-deep"
            case tooLarge = "too-large"
        }

        package var code: Code
        /// Counts bytes from 0; for a duplicate key it is the opening quote of the second one.
        package var offset: Int

        package init(_ code: Code, at offset: Int) {
            self.code = code
            self.offset = offset
        }

        package var description: String { "\(code.phrase) at byte \(offset)" }
    }
}

extension JSON.ScanError.Code {
    /// The reason in words, without its place.
    package var phrase: String {
        switch self {
        case .unexpected: "unexpected character"
        case .unterminated: "the text ends too early"
        case .trailing: "something follows the value"
        case .duplicateKey: "the object has this key already"
        case .invalidUTF8: "invalid utf-8"
        case .byteOrderMark: "a byte order mark is not allowed"
        case .controlCharacter: "a control character in a string must be escaped"
        case .badNumber: "this number is malformed or too large"
        case .badEscape: "unknown escape in a string"
        case .loneSurrogate: "half a surrogate pair"
        case .tooDeep: "too many levels"
        case .tooLarge: "too much input"
        }
    }
}

extension JSON {
    /// Reads one text into a value.
    ///
    /// Whole numbers within 64 bits become `.integer`; `-0`, `1.0`, `1e3` and larger whole numbers become `.number`,
    /// which rounds to the nearest double. Code that must not round asks `Outline.firstRoundedInteger`.
    package static func parse(_ bytes: Span<UInt8>, limits: Limits = .standard) throws(ScanError) -> Value {
        var outline = Outline()
        try outline.scan(bytes, limits: limits)
        return outline.value(of: outline.root, in: bytes)
    }

    /// Reads one text into a value.
    package static func parse(_ bytes: [UInt8], limits: Limits = .standard) throws(ScanError) -> Value {
        try parse(bytes.span, limits: limits)
    }

    /// Reads one text into a value.
    package static func parse(_ text: String, limits: Limits = .standard) throws(ScanError) -> Value {
        try parse(Array(text.utf8).span, limits: limits)
    }
}
