/// The check-digit rules of identifiers, over ASCII digits or letters without separators.
enum CheckDigits {
    /// ISO/IEC 7812-1, annex B ("Luhn").
    static func luhn(_ digits: [UInt8]) -> Bool {
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let value = number(digit)
            sum += place.isMultiple(of: 2) ? value : value * 2 > 9 ? value * 2 - 9 : value * 2
        }
        return !digits.isEmpty && sum % 10 == 0
    }

    /// ISO 13616: the first four characters move to the end, letters count from 10, the remainder by 97 is 1.
    static func iban(_ characters: [UInt8]) -> Bool {
        guard characters.count > 4 else { return false }
        var remainder = 0
        for character in characters[4...] + characters[..<4] {
            if isDigit(character) {
                remainder = (remainder * 10 + number(character)) % 97
            } else {
                remainder = (remainder * 100 + Int(character) - 55) % 97
            }
        }
        return remainder == 1
    }

    /// The sum of each digit times its weight.
    static func weighted(_ digits: [UInt8], _ weights: [Int]) -> Int {
        zip(digits, weights).reduce(0) { $0 + number($1.0) * $1.1 }
    }

    /// ISO/IEC 7064, MOD 11,10, as the German tax id uses it.
    static func mod11And10(_ digits: [UInt8]) -> Bool {
        guard let last = digits.last else { return false }
        var product = 10
        for digit in digits.dropLast() {
            let sum = (number(digit) + product) % 10
            product = (sum == 0 ? 10 : sum) * 2 % 11
        }
        return (11 - product) % 10 == number(last)
    }

    /// Verhoeff's dihedral check, as Aadhaar uses it; the tables are made from the group's own rule.
    static func verhoeff(_ digits: [UInt8]) -> Bool {
        let permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
        var check = 0
        for (place, digit) in digits.reversed().enumerated() {
            var value = number(digit)
            for _ in 0..<(place % 8) { value = permutation[value] }
            check = product(check, value)
        }
        return check == 0
    }

    /// The product in the dihedral group of order ten: rotations 0 to 4, reflections 5 to 9.
    private static func product(_ left: Int, _ right: Int) -> Int {
        switch (left < 5, right < 5) {
        case (true, true): (left + right) % 5
        case (true, false): (left + right - 5) % 5 + 5
        case (false, true): (left - 5 - right + 5) % 5 + 5
        case (false, false): (left - right + 5) % 5
        }
    }

    static func number(_ digit: UInt8) -> Int { Int(digit) - 48 }
    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
}
