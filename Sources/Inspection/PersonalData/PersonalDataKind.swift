/// A kind of personal identifier that can be known by its form and its check digits.
///
/// The raw value is stable: findings, reports and data classes print it.
package enum PersonalDataKind: String, Sendable, Hashable, CaseIterable {
    case email, phone, iban
    case paymentCard = "payment-card"
    case usSocialSecurity = "us-ssn"
    case ukNationalInsurance = "uk-nino"
    case ukHealthService = "uk-nhs"
    case frenchSocialSecurity = "fr-nir"
    case germanTax = "de-steuer-id"
    case spanishIdentity = "es-dni"
    case italianTax = "it-codice-fiscale"
    case dutchCitizen = "nl-bsn"
    case polishCitizen = "pl-pesel"
    case swedishCitizen = "se-personnummer"
    case brazilianTaxpayer = "br-cpf"
    case indianIdentity = "in-aadhaar"

    /// Whether the form and the check digits alone make a chance match rare.
    ///
    /// The others are bare runs of digits that one order number in ten would pass; they count only where the text or the
    /// name of the field speaks of them.
    package var standsAlone: Bool {
        switch self {
        case .email, .phone, .iban, .paymentCard, .frenchSocialSecurity, .italianTax, .spanishIdentity,
            .ukNationalInsurance, .swedishCitizen:
            true
        case .usSocialSecurity, .ukHealthService, .germanTax, .dutchCitizen, .polishCitizen, .brazilianTaxpayer,
            .indianIdentity:
            false
        }
    }

    /// Words near the number, in lower case, that say what it is.
    var context: [String] {
        switch self {
        case .usSocialSecurity: ["ssn", "social security"]
        case .ukHealthService: ["nhs"]
        case .germanTax: ["steuer", "idnr", "tax id", "tax_id"]
        case .dutchCitizen: ["bsn", "burgerservice", "sofi"]
        case .polishCitizen: ["pesel"]
        case .brazilianTaxpayer: ["cpf"]
        case .indianIdentity: ["aadhaar", "aadhar", "uidai"]
        default: []
        }
    }
}

/// Personal data found in a text: which kind, and where.
package struct PersonalDataMatch: Sendable, Hashable {
    package var kind: PersonalDataKind
    /// UTF-8 offsets.
    package var range: Range<Int>

    package init(kind: PersonalDataKind, range: Range<Int>) {
        self.kind = kind
        self.range = range
    }
}
