import Core
import Testing

@Suite("Writing JSON")
struct JSONWritingTests {
    /// RFC 8785, appendix B.
    @Test(
        "prints numbers as ECMAScript does",
        arguments: [
            (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"), (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"), (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"), (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"), (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"), (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"), (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"), (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"), (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"), (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"), (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"), (0x7fff_ffff_ffff_ffff, "null"),
            (0x7ff0_0000_0000_0000, "null"),
        ] as [(UInt64, String)]
    )
    func numbers(bits: UInt64, expected: String) {
        #expect(canonical(.number(Double(bitPattern: bits))) == expected)
    }

    @Test(
        "prints other numbers",
        arguments: [
            (1, "1"), (-1.5, "-1.5"), (100, "100"), (0.1, "0.1"), (123456789.125, "123456789.125"),
            (1e20, "100000000000000000000"),
            (1.5e-7, "1.5e-7"), (0.00001, "0.00001"), (1e-10, "1e-10"), (1e100, "1e+100"), (0.5, "0.5"),
        ] as [(Double, String)]
    )
    func moreNumbers(number: Double, expected: String) {
        #expect(canonical(.number(number)) == expected)
    }

    /// RFC 8785, section 3.2.2 and 3.2.4.
    @Test("agrees with the samples of RFC 8785")
    func sample() throws {
        let text = #"""
            {
              "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
              "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
              "literals": [null, true, false]
            }
            """#
        #expect(
            canonical(try JSON.parse(text))
                == #"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        )
    }

    /// RFC 8785, section 3.2.3.
    @Test("sorts keys by UTF-16 code units")
    func order() throws {
        let text = #"""
            {"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
             "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}
            """#
        let value = try JSON.parse(text)
        let sorted = try #require(try JSON.parse(JSON.canonical(value)).object)
        #expect(
            sorted.values.compactMap(\.string) == [
                "Carriage Return", "One", "Control", "Latin Small Letter O With Diaeresis", "Euro Sign",
                "Emoji: Grinning Face", "Hebrew Letter Dalet With Dagesh",
            ]
        )
    }

    @Test("sorts like UTF-16 for random keys", arguments: 1...20 as ClosedRange<UInt64>)
    func randomOrder(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var object = JSON.Object()
        for _ in 0..<40 { object[random.text()] = 1 }
        let expected = object.keys.sorted { $0.utf16.lexicographicallyPrecedes($1.utf16) }
        let sorted = try? JSON.parse(JSON.canonical(.object(object))).object?.keys
        #expect(sorted.map { $0.map { Array($0.utf16) } } == expected.map { Array($0.utf16) })
    }

    @Test("rounds integers in the canonical text only")
    func integers() {
        #expect(canonical(.integer(1 << 53)) == "9007199254740992")
        #expect(canonical(.integer(.max)) == "9223372036854776000")
        #expect(canonical(.integer(.min)) == "-9223372036854776000")
        #expect(JSON.pretty(.integer(.max)) == "9223372036854775807")
    }

    @Test("what is written is read again", arguments: 1...200 as ClosedRange<UInt64>)
    func roundTrips(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let value = random.value(depth: 4)
        #expect(try JSON.parse(JSON.canonical(value)) == value)
        #expect(try JSON.parse(JSON.pretty(value)) == value)
        #expect(JSON.canonical(try JSON.parse(JSON.pretty(value))) == JSON.canonical(value))
    }

    @Test("survives any change of its input", arguments: 1...40 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let original = Array(JSON.pretty(random.value(depth: 4)).utf8)
        var outline = JSON.Outline()
        for _ in 0..<200 {
            let bytes = random.mutate(original)
            do throws(JSON.ScanError) {
                try outline.scan(bytes.span)
                let value = outline.value(of: outline.root, in: bytes.span)
                #expect(JSON.canonical(try JSON.parse(JSON.canonical(value))) == JSON.canonical(value))
            } catch {
                #expect((0...bytes.count).contains(error.offset))
            }
        }
    }

    @Test("the pretty text keeps the order and hides nothing")
    func pretty() {
        let value: JSON.Value = ["b": 1, "a": [true, [:], []], "t": "\u{202E}x\u{85}\u{7F}é"]
        #expect(
            JSON.pretty(value) == """
                {
                  "b": 1,
                  "a": [
                    true,
                    {},
                    []
                  ],
                  "t": "\\u202ex\\u0085\\u007fé"
                }
                """
        )
    }

    private func canonical(_ value: JSON.Value) -> String {
        String(decoding: JSON.canonical(value), as: UTF8.self)
    }
}

/// A small seeded generator (SplitMix64, Steele, Lea and Flood 2014), so that a failure names its seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func text() -> String {
        let ranges: [ClosedRange<UInt32>] = [
            0...0x7F, 0x61...0x7A, 0x80...0x7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF, 0x300...0x310,
        ]
        var scalars = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...6, using: &self) {
            let range = ranges[Int.random(in: 0..<ranges.count, using: &self)]
            if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &self)) { scalars.append(scalar) }
        }
        return String(scalars)
    }

    mutating func value(depth: Int) -> JSON.Value {
        switch Int.random(in: 0..<(depth == 0 ? 6 : 8), using: &self) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &self))
        case 2: return .integer(Int64.random(in: -(1 << 53)...(1 << 53), using: &self))
        case 3:
            let number = Double(bitPattern: next())
            // ECMAScript pads large whole numbers with zeros, which read back as another integer (but the same double).
            return number.isFinite && !(0x1p53...1e21).contains(number.magnitude) ? .number(number) : .number(0.5)
        case 4: return .integer(Int64.random(in: -9...9, using: &self))
        case 5: return .string(text())
        case 6: return .array((0..<Int.random(in: 0...5, using: &self)).map { _ in value(depth: depth - 1) })
        default:
            var object = JSON.Object()
            for _ in 0..<Int.random(in: 0...15, using: &self) { object[text()] = value(depth: depth - 1) }
            return .object(object)
        }
    }

    /// The same bytes with a few changed, dropped, doubled or cut off.
    mutating func mutate(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &self) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0..<5, using: &self) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &self)
            case 1: bytes.remove(at: at)
            case 2: bytes.insert(Array("{}[]\",:\\u0-e.".utf8).randomElement(using: &self) ?? 0, at: at)
            case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 20)], at: at)
            default: bytes.removeLast(min(bytes.count, 3))
            }
        }
        return bytes
    }
}
