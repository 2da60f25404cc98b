import Core
import Identity
import Inspection
package import Wire

extension Tokeniser {
    /// Replaces personal data by keyed tokens: equal values have equal tokens, whatever their letter case or spacing.
    ///
    /// For what leaves a workspace. What has no form, such as names of people, is found only under the names of `fields`,
    /// which `lockstep.yaml` declares.
    package static func personalData(
        declaredFields fields: Set<String> = [],
        digest: @escaping @Sendable (String) -> String
    ) -> Tokeniser {
        Tokeniser { text, name in
            if KeyedDigest(text) != nil || text.isEmpty { return nil }
            if let name, fields.contains(name) { return digest(text) }
            let matches = PersonalData.find(in: text, named: name)
            guard !matches.isEmpty else { return nil }
            let bytes = Array(text.utf8)
            var result: [UInt8] = []
            var end = 0
            for match in matches {
                result += bytes[end..<match.range.lowerBound]
                let value = String(decoding: bytes[match.range], as: UTF8.self).lowercased()
                let plain =
                    match.kind == .email
                    ? value
                    : match.kind == .phone
                        ? PhoneNumber.canonical(value) ?? value : value.filter { !" -./()".contains($0) }
                result += Array(digest(plain).utf8)
                end = match.range.upperBound
            }
            return String(decoding: result + bytes[end...], as: UTF8.self)
        }
    }
}
