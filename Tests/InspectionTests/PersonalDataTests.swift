import Core
import Testing

@testable import Inspection

/// Sources of the numbers: ISO 13616 registry examples, card schemes' published test numbers, the issuers' own specimens,
/// RFC 5322 and E.164 examples; Aadhaar and NIR check digits were computed from the published rules.
private let found: [(PersonalDataKind, String)] = [
    (.email, "write to ana.lopez+bank@mail.example.org, please"),
    (.email, "<o'hara@example.ie>"),
    (.email, "straße@bücher.example"),
    (.phone, "call +49 30 901820 now"),
    (.phone, "+1 (415) 555-2671"),
    (.phone, "tel:+442071838750"),
    (.phone, "call (415) 555-2671"),
    (.phone, "415.555.2671"),
    (.phone, "Tel. 030/901820"),
    (.phone, "020 7183 8750"),
    (.phone, "0044 20 7183 8750"),
    (.iban, "DE89 3704 0044 0532 0130 00"),
    (.iban, "pay GB82WEST12345698765432 today"),
    (.iban, "NO9386011117947."),
    (.iban, "MT84MALT011000012345MTLCAST001S"),
    (.paymentCard, "4111 1111 1111 1111"),
    (.paymentCard, "card 378282246310005"),
    (.paymentCard, "3782 822463 10005"),
    (.paymentCard, "5555-5555-5555-4444"),
    (.usSocialSecurity, "SSN: 219-09-9999"),
    (.ukNationalInsurance, "AB123456C"),
    (.ukNationalInsurance, "NI AB 12 34 56 C"),
    (.ukHealthService, "NHS number 943 476 5919"),
    (.frenchSocialSecurity, "185057800608491"),
    (.frenchSocialSecurity, "1 85 05 78 006 084 91"),
    (.germanTax, "Steuer-ID 86095742719"),
    (.spanishIdentity, "DNI 12345678Z"),
    (.spanishIdentity, "X1234567L"),
    (.italianTax, "RSSMRA85T10A562S"),
    (.dutchCitizen, "bsn 111222333"),
    (.polishCitizen, "PESEL 44051401359"),
    (.swedishCitizen, "811228-9874"),
    (.swedishCitizen, "19811228-9874"),
    (.brazilianTaxpayer, "CPF 529.982.247-25"),
    (.indianIdentity, "Aadhaar 2345 6789 0124"),
]

@Suite struct PersonalDataTests {
    @Test(arguments: found)
    func findsEachIdentifier(_ kind: PersonalDataKind, _ text: String) {
        #expect(PersonalData.find(in: text).map(\.kind) == [kind])
    }

    @Test(arguments: [
        "", "@", "a@b", "user@localhost", "a@b.1", "@modelcontextprotocol/server@2025.7.1", "x@-.com", ".@.",
        // One digit changed, so that the check fails.
        "DE88 3704 0044 0532 0130 00", "4111 1111 1111 1112", "SSN 000-12-3456", "SSN 666-12-3456", "12345678A",
        "RSSMRA85T10A562T", "811228-9875", "PESEL 44051401358", "QQ123456C", "BG123456A",
        // Numbers of other things.
        "order 86095742719", "2026-03-01T10:00:00.000Z", "1795392865841367764", "invoice 111222333", "943 476 5919",
        "219-09-9999", "0000 0000 0000 0000", "192.168.100.200", "3.14159265358979", "v2025.11.25",
        "+1", "+12", "a+1234567890", "1 + 23456789", "550e8400-e29b-41d4-a716-446655440000",
        "4111111111111111000000000",
        "id_4111111111111111", "0x4111111111111111", "978-3-16-148410-0", "ISBN 9783161484100",
        "lat 52.520008, 13.404954", "order 555-1234", "05-03-2026", "from 09.05.24 to 10.06.24", "4155552671",
        "part 0-306-40615-2", "12 345 678 901", "at 09:00 10.05.2026",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ])
    func leavesLookAlikesAlone(_ text: String) {
        #expect(PersonalData.find(in: text) == [])
    }

    @Test func theNameOfTheFieldCountsAsContext() {
        #expect(PersonalData.find(in: "111222333", named: "customerBsn").map(\.kind) == [.dutchCitizen])
        #expect(PersonalData.find(in: "111222333", named: "orderNumber") == [])
    }

    @Test func givesPlacesInBytes() {
        let text = "ü: a@example.org, DE89370400440532013000"
        let ranges = PersonalData.find(in: text).map(\.range)
        let bytes = Array(text.utf8)
        #expect(
            ranges.map { String(decoding: bytes[$0], as: UTF8.self) } == ["a@example.org", "DE89370400440532013000"]
        )
    }

    @Test(arguments: ["1 ", "a@", "+1-", "AB12 ", "1.", "@a.", "+", "DE89", "A-", "\u{0}"])
    func endsInLinearTimeOnRepetition(_ piece: String) {
        _ = PersonalData.find(in: String(repeating: piece, count: 20_000))
    }

    @Test func proposesClassesFromNamesSchemasAndValues() throws {
        var survey = DataClassSurvey()
        let schema = try JSON.parse(
            #"{"type":"object","properties":{"to":{"type":"array","items":{"type":"string","format":"email"}},"note":{"type":"string"},"iban":{"type":"string"}}}"#
        )
        survey.note(schema: schema, of: "send")
        for count in 1...4 { survey.note(["to": ["a\(count)@example.org"], "note": "hello"], of: "send") }
        survey.note(["iban": "DE89370400440532013000", "id": 4_111_111_111_111_111], of: "send")
        #expect(
            survey.proposals.map { "\($0.field) \($0.dataClass.rawValue) \($0.isStrong)" } == [
                "send/iban payment true", "send/id payment false", "send/to contact true",
            ]
        )
        #expect(survey.proposals.last?.evidence == [.format("email"), .values(.email, matched: 4, seen: 4)])
    }

    @Test func surveysMergeByAddingUp() {
        var left = DataClassSurvey()
        var right = DataClassSurvey()
        var both = DataClassSurvey()
        for count in 1...4 {
            let value: JSON.Value = ["x": .string("a\(count)@example.org"), "patient_id": "p"]
            if count < 3 { left.note(value, of: "t") } else { right.note(value, of: "t") }
            both.note(value, of: "t")
        }
        left.merge(right)
        #expect(left.proposals == both.proposals)
    }
}

@Suite struct SecretTokenTests {
    @Test(arguments: [
        ("note", "use ghp_16C7e42F292c6912E7710c838347Ae178B4a now", "use <40> now"),
        ("password", "hunter2", "<7>"),
        ("db_password", "hunter2", "<7>"),
        ("apiKey", "short", "<5>"),
        ("token", "pX9vT2qLmZ8rK4wY7nB1cD6f", "<24>"),
    ])
    func replacesSecrets(_ name: String, _ text: String, _ expected: String) {
        #expect(Credentials.tokenise(text, named: name) { "<\($0.utf8.count)>" } == expected)
    }

    @Test(arguments: [
        ("key", "PROJ-12"), ("page_token", "next"), ("password_policy", "strict"), ("session_id", "s-81"),
        ("password", "${DB_PASSWORD}"), ("password", ""), ("note", "nothing to see"),
    ])
    func leavesOrdinaryValues(_ name: String, _ text: String) {
        #expect(Credentials.tokenise(text, named: name) { _ in "!" } == nil)
    }
}
