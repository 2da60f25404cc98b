import Core
import Testing

@Suite("Reading JSON")
struct JSONReadingTests {
    @Test(
        "refuses what other readers would understand differently",
        arguments: [
            (#""#, .unterminated, 0), (#"  "#, .unterminated, 2), (#"{"a":1,"a":2}"#, .duplicateKey, 7),
            (#"{"a":1,"\u0061":2}"#, .duplicateKey, 7), (#"{"\u0061":1,"a":2}"#, .duplicateKey, 12),
            (#"[{"x":{"k":1,"b":0,"k":1}}]"#, .duplicateKey, 19), (#"{"":1,"":1}"#, .duplicateKey, 6),
            (#"{"😀":1,"\uD83D\uDE00":1}"#, .duplicateKey, 10), (#"{"\/":1,"/":1}"#, .duplicateKey, 8),
            (#"{"é":1,"\u00e9":1}"#, .duplicateKey, 8), (#"{"€":1,"\u20AC":1}"#, .duplicateKey, 9),
            ("\u{FEFF}1", .byteOrderMark, 0), ("1\u{FEFF}", .trailing, 1), ("{} {}", .trailing, 3),
            ("[1,]", .unexpected, 3), ("[,1]", .unexpected, 1), (#"{"a":1,}"#, .unexpected, 7),
            (#"{"a" 1}"#, .unexpected, 5), ("{a:1}", .unexpected, 1), ("[1 2]", .unexpected, 3),
            ("[1}", .unexpected, 2), (#"{"a":1]"#, .unexpected, 6), ("'a'", .unexpected, 0),
            ("// x\n1", .unexpected, 0), ("NaN", .unexpected, 0), ("nul", .unterminated, 3),
            ("nulL", .unexpected, 3), ("truE", .unexpected, 3), ("\u{A0}1", .unexpected, 0),
            ("01", .badNumber, 0), ("-01", .badNumber, 0), ("+1", .unexpected, 0), (".5", .unexpected, 0),
            ("[1.]", .badNumber, 3), ("[1e]", .badNumber, 3), ("[-]", .badNumber, 2), ("1e400", .badNumber, 0),
            ("-1e400", .badNumber, 0), ("0x10", .trailing, 1), ("1_000", .trailing, 1),
            ("\"a\nb\"", .controlCharacter, 2), ("\"\u{0}\"", .controlCharacter, 1), ("1\u{0}", .trailing, 1),
            (#""\x41""#, .badEscape, 1), (#""\u12G4""#, .badEscape, 1), (#""\"#, .unterminated, 2),
            (#""\uD800""#, .loneSurrogate, 1), (#""\uDC00""#, .loneSurrogate, 1),
            (#""\uD800\u0041""#, .loneSurrogate, 1), (#""\uD800\uD800""#, .loneSurrogate, 1),
            (#""\uD800x""#, .loneSurrogate, 1), (#"{"\uD800":1}"#, .loneSurrogate, 2),
        ] as [(String, JSON.ScanError.Code, Int)]
    )
    func refuses(text: String, code: JSON.ScanError.Code, offset: Int) {
        #expect(throws: JSON.ScanError(code, at: offset)) { try JSON.parse(text) }
    }

    @Test(
        "refuses bytes that are not UTF-8",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xC2, 0x41], [0xE2, 0x82, 0x41],
        ] as [[UInt8]]
    )
    func refusesInvalidUTF8(bytes: [UInt8]) {
        #expect(throws: JSON.ScanError(.invalidUTF8, at: 1)) { try JSON.parse([0x22] + bytes + [0x22]) }
    }

    @Test(
        "reads numbers as what they are",
        arguments: [
            ("0", .integer(0)), ("-1", .integer(-1)), ("9223372036854775807", .integer(.max)),
            ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .number(0x1p63)),
            ("1.0", .number(1)), ("1e3", .number(1000)), ("-0", .number(-0.0)), ("-0.0", .number(-0.0)),
            ("4.9e-324", .number(.leastNonzeroMagnitude)), ("1e-400", .number(0)), ("1E+2", .number(100)),
            ("123456789012345678901234567890", .number(123456789012345678901234567890.0)),
        ] as [(String, JSON.Value)]
    )
    func numbers(text: String, expected: JSON.Value) throws {
        let value = try JSON.parse(text)
        #expect(value == expected)
        if case .number = expected {
            guard case .number(let number) = value else {
                Issue.record("not a double")
                return
            }
            #expect(number.sign == expected.double?.sign)
        }
    }

    @Test("reads every escape")
    func escapes() throws {
        let value = try JSON.parse(#""\"\\\/\b\f\n\r\t\u0000\u00e9\u20AC\uD83D\uDE00é€😀""#)
        #expect(value.string == "\"\\/\u{8}\u{C}\n\r\t\u{0}é€😀é€😀")
    }

    @Test("keeps the order of members and finds them in small and large objects", arguments: [0, 3, 12, 13, 500])
    func members(count: Int) throws {
        let text = "{" + (0..<count).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
        var object = try #require(try JSON.parse(text).object)
        #expect(object.keys == (0..<count).map { "k\($0)" })
        for index in 0..<count { #expect(object["k\(index)"] == .integer(Int64(index))) }
        #expect(object["k\(count)"] == nil)
        object["new"] = true
        object["k1"] = nil
        #expect(object["k1"] == nil)
        #expect(object["new"] == true)
        if count > 2 { #expect(object["k2"] == 2) }
    }

    @Test("tells composed from decomposed letters, as every other reader does")
    func spelling() throws {
        let value = try JSON.parse("{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(value.object?.count == 2)
        #expect(value["\u{E9}"] == 1)
        #expect(value["e\u{301}"] == 2)
        #expect(JSON.Value.string("\u{E9}") != .string("e\u{301}"))
    }

    @Test("equality ignores the order of members and the spelling of numbers")
    func equality() {
        let left: JSON.Value = ["a": 1, "b": [2.0, nil, "x"]]
        let right: JSON.Value = ["b": [2, nil, "x"], "a": 1.0]
        #expect(left == right)
        #expect(left.hashValue == right.hashValue)
        #expect(left != ["a": 1, "b": [2, nil, "y"]])
        #expect(JSON.Value.integer(.max) != .number(0x1p63))
        #expect(JSON.Value.number(.nan) == .number(.nan))
    }

    @Test("holds every limit")
    func limits() throws {
        func code(_ text: String, _ limits: JSON.Limits) -> JSON.ScanError.Code? {
            do throws(JSON.ScanError) {
                _ = try JSON.parse(text, limits: limits)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code("[[1]]", JSON.Limits(maxDepth: 2)) == nil)
        #expect(code("[[[1]]]", JSON.Limits(maxDepth: 2)) == .tooDeep)
        #expect(code("1234", JSON.Limits(maxBytes: 3)) == .tooLarge)
        #expect(code(#""1234""#, JSON.Limits(maxStringBytes: 3)) == .tooLarge)
        #expect(code(#"{"a":1,"b":1}"#, JSON.Limits(maxMembers: 1)) == .tooLarge)
        #expect(code("[1,2,3]", JSON.Limits(maxTokens: 3)) == .tooLarge)
        #expect(code("1" + String(repeating: "0", count: 2000), .standard) == .tooLarge)
        #expect(code(String(repeating: "[", count: 1_000_000), JSON.Limits(maxDepth: .max)) == .tooDeep)
        #expect(code(String(repeating: "{\"a\":", count: 1_000_000), .standard) == .tooDeep)
    }

    @Test("an error speaks one plain sentence", arguments: JSON.ScanError.Code.allCases)
    func sentences(code: JSON.ScanError.Code) {
        let text = JSON.ScanError(code, at: 7).description
        #expect(text.hasSuffix(" at byte 7"))
        #expect(text == text.lowercased())
    }
}
