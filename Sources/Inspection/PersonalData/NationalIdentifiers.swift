/// Whether a run of characters, its separators gone, is one country's identifier.
///
/// Rules: the issuers' own publications (SSA, HMRC, NHS Data Dictionary, INSEE, BZSt, Ministerio del Interior, Agenzia delle
/// Entrate, RvIG, gov.pl, Skatteverket, Receita Federal, UIDAI).
enum NationalIdentifiers {
    static func digits(_ digits: [UInt8], separators: [Int]) -> PersonalDataKind? {
        switch digits.count {
        case 9 where separators == [3, 5] && isSocialSecurity(digits): .usSocialSecurity
        case 9 where separators.isEmpty && isDutch(digits): .dutchCitizen
        case 10 where separators == [3, 6] && isHealthService(digits): .ukHealthService
        case 10 where separators == [6] && isBirthday(digits[0..<6]) && CheckDigits.luhn(digits): .swedishCitizen
        case 12 where separators == [8] && isBirthday(digits[2..<8]) && CheckDigits.luhn(Array(digits[2...])):
            .swedishCitizen
        case 11 where separators == [3, 6, 9] && isBrazilian(digits): .brazilianTaxpayer
        case 11 where separators.isEmpty: eleven(digits)
        case 12 where separators.isEmpty || separators == [4, 8]:
            digits[0] >= UInt8(ascii: "2") && CheckDigits.verhoeff(digits) ? .indianIdentity : nil
        case 15 where isFrench(digits): .frenchSocialSecurity
        case 10 where separators.isEmpty && isHealthService(digits): .ukHealthService
        default: nil
        }
    }

    /// Which of the bare eleven-digit numbers fit; the words around them decide between those.
    static func candidates(_ digits: [UInt8]) -> [PersonalDataKind] {
        guard digits.count == 11 else { return [] }
        var kinds: [PersonalDataKind] = []
        if isPolish(digits) { kinds.append(.polishCitizen) }
        if isBrazilian(digits) { kinds.append(.brazilianTaxpayer) }
        if isGerman(digits) { kinds.append(.germanTax) }
        return kinds
    }

    private static func eleven(_ digits: [UInt8]) -> PersonalDataKind? { candidates(digits).first }

    /// Area, group and serial are never zero; 666 and 900 to 999 were never given as an area.
    private static func isSocialSecurity(_ digits: [UInt8]) -> Bool {
        let area = value(digits[0..<3])
        return area != 0 && area != 666 && area < 900 && value(digits[3..<5]) != 0 && value(digits[5..<9]) != 0
    }

    private static func isHealthService(_ digits: [UInt8]) -> Bool {
        let check = 11 - CheckDigits.weighted(Array(digits[0..<9]), [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11
        return !isUniform(digits) && check != 10 && check % 11 == CheckDigits.number(digits[9])
    }

    private static func isDutch(_ digits: [UInt8]) -> Bool {
        !isUniform(digits) && CheckDigits.weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 == 0
    }

    private static func isPolish(_ digits: [UInt8]) -> Bool {
        let month = value(digits[2..<4]) % 20
        guard (1...12).contains(month), (1...31).contains(value(digits[4..<6])) else { return false }
        let sum = CheckDigits.weighted(Array(digits[0..<10]), [1, 3, 7, 9, 1, 3, 7, 9, 1, 3])
        return (10 - sum % 10) % 10 == CheckDigits.number(digits[10])
    }

    private static func isBrazilian(_ digits: [UInt8]) -> Bool {
        guard !isUniform(digits) else { return false }
        for count in [9, 10] {
            let weights = Array((2...(count + 1)).reversed())
            let check = CheckDigits.weighted(Array(digits[0..<count]), weights) * 10 % 11 % 10
            if check != CheckDigits.number(digits[count]) { return false }
        }
        return true
    }

    /// One digit stands twice or three times among the first ten, the others at most once.
    private static func isGerman(_ digits: [UInt8]) -> Bool {
        guard digits[0] != UInt8(ascii: "0") else { return false }
        var counts = [Int](repeating: 0, count: 10)
        for digit in digits[0..<10] { counts[CheckDigits.number(digit)] += 1 }
        let repeated = counts.filter { $0 > 1 }
        return repeated.count == 1 && repeated[0] <= 3 && CheckDigits.mod11And10(digits)
    }

    private static func isFrench(_ digits: [UInt8]) -> Bool {
        guard ["1", "2"].contains(String(decoding: digits[0..<1], as: UTF8.self)) else { return false }
        let month = value(digits[3..<5])
        guard (1...12).contains(month) || (20...42).contains(month) || month >= 50 else { return false }
        return 97 - value(digits[0..<13]) % 97 == value(digits[13..<15])
    }

    /// `YYMMDD`; a coordination number has 60 added to the day.
    private static func isBirthday(_ digits: ArraySlice<UInt8>) -> Bool {
        let start = digits.startIndex
        let day = value(digits[(start + 4)..<(start + 6)])
        return (1...12).contains(value(digits[(start + 2)..<(start + 4)]))
            && (1...31).contains(day > 60 ? day - 60 : day)
    }

    /// Upper-case letters and digits: the Spanish, Italian and British forms.
    static func letters(_ characters: [UInt8]) -> PersonalDataKind? {
        switch characters.count {
        case 9 where isSpanish(characters): .spanishIdentity
        case 9 where isNationalInsurance(characters): .ukNationalInsurance
        case 16 where isItalian(characters): .italianTax
        default: nil
        }
    }

    private static func isSpanish(_ characters: [UInt8]) -> Bool {
        let table = Array("TRWAGMYFPDXBNJZSQVHLCKE".utf8)
        var digits = Array(characters[0..<8])
        if let place = Array("XYZ".utf8).firstIndex(of: digits[0]) { digits[0] = UInt8(48 + place) }
        guard digits.allSatisfy(CheckDigits.isDigit) else { return false }
        return table[value(digits[...]) % 23] == characters[8]
    }

    private static func isNationalInsurance(_ characters: [UInt8]) -> Bool {
        let never = ["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"]
        let prefix = String(decoding: characters[0..<2], as: UTF8.self)
        return characters[0..<2].allSatisfy { CheckDigits.isUpper($0) && !"DFIQUV".utf8.contains($0) }
            && characters[1] != UInt8(ascii: "O") && !never.contains(prefix)
            && characters[2..<8].allSatisfy(CheckDigits.isDigit) && (0x41...0x44).contains(characters[8])
    }

    /// The values of characters at odd places, as the decree of 23 December 1976 lists them.
    private static func isItalian(_ characters: [UInt8]) -> Bool {
        let form = "LLLLLLDDLDDLDDDL"
        for (character, kind) in zip(characters, form.utf8) {
            let fits = kind == UInt8(ascii: "L") ? CheckDigits.isUpper(character) : CheckDigits.isDigit(character)
            if !fits { return false }
        }
        let odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]
        var sum = 0
        for (place, character) in characters[0..<15].enumerated() {
            let index = CheckDigits.isDigit(character) ? CheckDigits.number(character) : Int(character) - 65
            sum += place.isMultiple(of: 2) ? odd[index] : index
        }
        return UInt8(65 + sum % 26) == characters[15]
    }

    private static func isUniform(_ digits: [UInt8]) -> Bool { digits.allSatisfy { $0 == digits[0] } }

    private static func value(_ digits: ArraySlice<UInt8>) -> Int {
        digits.reduce(0) { $0 * 10 + CheckDigits.number($1) }
    }
}
