package import Core

/// What kind of data a field holds, as a proposal for a person to accept: it comes from names, schemas and values seen.
package struct DataClassProposal: Sendable, Hashable {
    /// The raw value is what is written into the workspace when the proposal is accepted.
    package enum DataClass: String, Sendable, Hashable, CaseIterable {
        case contact, identity, payment, health, location, credential
    }

    package enum Evidence: Sendable, Hashable {
        /// A word of the field's name.
        case name(String)
        /// The schema's `format`.
        case format(String)
        /// In how many of the values seen the detector found this kind.
        case values(PersonalDataKind, matched: Int, seen: Int)

        var order: Int {
            switch self {
            case .name: 0
            case .format: 1
            case .values: 2
            }
        }
    }

    package var field: String
    package var dataClass: DataClass
    package var evidence: [Evidence]

    /// Two kinds of evidence agree, or at least three values and half of all.
    package var isStrong: Bool {
        if Set(evidence.map(\.order)).count > 1 { return true }
        return evidence.contains { evidence in
            if case .values(_, let matched, let seen) = evidence { matched >= 3 && matched * 2 >= seen } else { false }
        }
    }
}

/// Gathers evidence about the fields of tools, to propose their data classes.
///
/// It holds counts and names, never a value. Two of them merge by adding up.
package struct DataClassSurvey: Sendable {
    private struct Field: Sendable {
        var seen = 0
        var matched: [PersonalDataKind: Int] = [:]
        var format: String?
    }

    private static let limit = 10_000
    private static let words: [(DataClassProposal.DataClass, Set<String>)] = [
        (
            .contact,
            [
                "email", "mail", "phone", "telephone", "mobile", "recipient", "recipients", "cc", "bcc", "surname",
                "firstname", "lastname", "fullname",
            ]
        ),
        (
            .identity,
            [
                "ssn", "passport", "birthday", "birthdate", "dob", "nationality", "gender", "nino", "pesel", "cpf",
                "bsn",
                "aadhaar", "license",
            ]
        ),
        (.payment, ["iban", "bic", "card", "cvv", "cvc", "pan", "salary", "payee", "routing"]),
        (
            .health,
            [
                "patient", "diagnosis", "medication", "allergy", "allergies", "prescription", "icd", "symptom",
                "symptoms",
            ]
        ),
        (.location, ["address", "street", "postcode", "zip", "zipcode", "latitude", "longitude", "geolocation"]),
    ]
    private static let formats: [String: DataClassProposal.DataClass] = ["email": .contact, "idn-email": .contact]

    private var fields: [String: Field] = [:]

    package init() {}

    /// Notes a value of a field, given by a path such as `send/recipients`; lists and objects are noted member by member.
    package mutating func note(_ value: JSON.Value, of field: String) {
        switch value {
        case .string(let text): note(text: text, of: field)
        case .integer: note(text: value.description, of: field)
        case .array(let elements): for element in elements { note(element, of: field) }
        case .object(let object): for (key, member) in object { note(member, of: "\(field)/\(key)") }
        case .null, .bool, .number: break
        }
    }

    /// Notes the properties of a tool's input or output schema.
    package mutating func note(schema: JSON.Value, of field: String, depth: Int = 0) {
        guard depth < 32 else { return }
        if let format = schema["format"]?.string, hasRoom(for: field) {
            fields[field, default: Field()].format = format
        }
        for (key, property) in schema["properties"]?.object ?? [:] {
            let path = "\(field)/\(key)"
            if hasRoom(for: path), fields[path] == nil { fields[path] = Field() }
            note(schema: property, of: path, depth: depth + 1)
        }
        if let items = schema["items"] { note(schema: items, of: field, depth: depth + 1) }
    }

    package mutating func merge(_ other: DataClassSurvey) {
        for (name, field) in other.fields where hasRoom(for: name) {
            fields[name, default: Field()].seen += field.seen
            fields[name, default: Field()].matched.merge(field.matched, uniquingKeysWith: +)
            if let format = field.format { fields[name]?.format = format }
        }
    }

    /// In the order of fields, then classes.
    package var proposals: [DataClassProposal] {
        var proposals: [DataClassProposal] = []
        for (name, field) in fields.sorted(by: { $0.key < $1.key }) {
            var evidence: [DataClassProposal.DataClass: [DataClassProposal.Evidence]] = [:]
            let last = name.split(separator: "/").last.map(String.init) ?? name
            let parts = SecretNames.parts(of: last)
            for (dataClass, words) in Self.words {
                // `phoneNumber` has two words, `phonenumber` and `zipcode` one.
                if let word = parts.first(where: { words.contains($0) })
                    ?? words.sorted().first(where: { $0 == parts.joined() })
                {
                    evidence[dataClass, default: []].append(.name(word))
                }
            }
            if SecretNames.nameSecret(last) { evidence[.credential, default: []].append(.name(last)) }
            if let format = field.format, let dataClass = Self.formats[format] {
                evidence[dataClass, default: []].append(.format(format))
            }
            for kind in PersonalDataKind.allCases {
                guard let matched = field.matched[kind] else { continue }
                evidence[kind.dataClass, default: []].append(.values(kind, matched: matched, seen: field.seen))
            }
            for dataClass in DataClassProposal.DataClass.allCases {
                guard let found = evidence[dataClass] else { continue }
                proposals.append(DataClassProposal(field: name, dataClass: dataClass, evidence: found))
            }
        }
        return proposals
    }

    private mutating func note(text: String, of field: String) {
        guard hasRoom(for: field) else { return }
        fields[field, default: Field()].seen += 1
        let last = field.split(separator: "/").last.map(String.init)
        for kind in Set(PersonalData.find(in: text, named: last).map(\.kind)) {
            fields[field, default: Field()].matched[kind, default: 0] += 1
        }
    }

    private func hasRoom(for field: String) -> Bool { fields[field] != nil || fields.count < Self.limit }
}

extension PersonalDataKind {
    package var dataClass: DataClassProposal.DataClass {
        switch self {
        case .email, .phone: .contact
        case .iban, .paymentCard: .payment
        default: .identity
        }
    }
}
