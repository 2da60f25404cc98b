import Core
import Testing

struct ByteSearchTests {
    @Test(arguments: 0..<40)
    func aByteIsFoundWhereverItStands(place: Int) {
        var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 40)
        #expect(ByteSearch.first(UInt8(ascii: "\n"), in: bytes.span, from: 0, to: 40) == 40)
        bytes[place] = UInt8(ascii: "\n")
        #expect(ByteSearch.first(UInt8(ascii: "\n"), in: bytes.span, from: 0, to: 40) == place)
        #expect(ByteSearch.first(UInt8(ascii: "\n"), in: bytes.span, from: place + 1, to: 40) == 40)
        #expect(ByteSearch.first(UInt8(ascii: "\n"), in: bytes.span, from: 0, to: place) == place)
    }

    /// Every byte at every place of a word, since a word of eight is searched at once.
    @Test(arguments: 0..<17)
    func everyByteOfAStringIsSeenAtEveryPlace(place: Int) throws {
        for byte in UInt8.min...UInt8.max {
            var text = [UInt8](repeating: UInt8(ascii: "~"), count: 17)
            text[place] = byte
            let line = [UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")]
            let value = try? JSON.parse(line, limits: .standard)
            let isPlain = (0x20..<0x80).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            #expect((value != nil) == isPlain, "byte \(byte)")
            if isPlain { #expect(value?.string.map { Array($0.utf8) } == text) }
        }
    }

    @Test(arguments: [
        (#"\n"#, "\n"), (#"\"quoted\" and plain"#, "\"quoted\" and plain"), (#"\u0041\u0041\u0041"#, "AAA"),
        (#"plain, then \u00e9\ud83d\ude00 and more plain text\\"#, "plain, then \u{e9}\u{1F600} and more plain text\\"),
        (#"Grüße\tvon\nuns — 日本語\/"#, "Grüße\tvon\nuns — 日本語/"), (#"a\\"#, "a\\"),
    ])
    func aStringWithEscapesIsReadAndWritten(content: String, expected: String) throws {
        let value = try JSON.parse(Array("\"\(content)\"".utf8), limits: .standard)
        #expect(value == .string(expected))
        #expect(try JSON.parse(JSON.canonical(value), limits: .standard) == value)
    }
}
