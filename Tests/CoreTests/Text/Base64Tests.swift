import Core
import Foundation
import Testing

@Suite struct Base64Tests {
    /// The vectors of RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func agreesWithTheStandard(_ plain: String, _ text: String) {
        let bytes = Array(plain.utf8)
        let bare = String(text.prefix { $0 != "=" })
        #expect(Base64.encode(bytes) == text)
        #expect(Base64.encode(bytes, padded: false) == bare)
        #expect(Base64.decode(text.utf8) == bytes)
        #expect(Base64.decode(bare.utf8, mayLackPadding: true) == bytes)
        #expect(Base64.decode(text.utf8, mayLackPadding: true) == bytes)
        if bare != text { #expect(Base64.decode(bare.utf8) == nil) }
    }

    @Test(arguments: [
        "Zh==", "Zm9=", "Zg=", "Zg===", "====", "=", "Z", "Zg==Zg==", "Zm9v\n", "Zm-_", "Zm 9", "é===",
    ])
    func refusesEveryOtherForm(_ text: String) {
        #expect(Base64.decode(text.utf8) == nil)
        #expect(Base64.decode(text.utf8, mayLackPadding: true) == nil)
    }

    @Test(arguments: UInt64(0)..<8)
    func agreesWithFoundation(_ seed: UInt64) {
        var state = seed &+ 1
        for length in 0..<70 {
            let bytes = (0..<length).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 40)
            }
            #expect(Base64.encode(bytes) == Data(bytes).base64EncodedString())
            #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes)
        }
    }
}
