/// The functions that the language brings, by the name that an expression writes.
enum StandardFunction: String, Sendable, CaseIterable {
    // Standard library
    case size, contains, startsWith, endsWith, matches
    case dyn, type, bool, int, uint, double, string, bytes, timestamp, duration
    case getDate, getDayOfMonth, getDayOfWeek, getDayOfYear, getFullYear, getHours, getMilliseconds, getMinutes,
        getMonth
    case getSeconds
    // Strings
    case charAt, indexOf, lastIndexOf, lowerAscii, upperAscii, replace, split, substring, trim, join, reverse, format
    case quote = "strings.quote"
    // Optional values
    case optionalOf = "optional.of"
    case optionalNone = "optional.none"
    case optionalOfNonZeroValue = "optional.ofNonZeroValue"
    case hasValue, value, or, orValue
    // Encoding
    case base64Encode = "base64.encode"
    case base64Decode = "base64.decode"
    // Mathematics
    case greatest = "math.greatest"
    case least = "math.least"
    case ceil = "math.ceil"
    case floor = "math.floor"
    case round = "math.round"
    case trunc = "math.trunc"
    case abs = "math.abs"
    case sign = "math.sign"
    case sqrt = "math.sqrt"
    case isNaN = "math.isNaN"
    case isInf = "math.isInf"
    case isFinite = "math.isFinite"
    case bitAnd = "math.bitAnd"
    case bitOr = "math.bitOr"
    case bitXor = "math.bitXor"
    case bitNot = "math.bitNot"
    case bitShiftLeft = "math.bitShiftLeft"
    case bitShiftRight = "math.bitShiftRight"
    // Network addresses
    case ip, cidr, isIP, isCIDR
    case ipIsCanonical = "ip.isCanonical"
    case family, isUnspecified, isLoopback, isGlobalUnicast, isLinkLocalMulticast, isLinkLocalUnicast
    case containsIP, containsCIDR, masked, prefixLength

    /// Whether the function may be called as a method, as a function, or both ways.
    enum Form {
        case function
        case method
        case either
    }

    var form: Form {
        switch self {
        case .size, .matches, .ip: .either
        case .contains, .startsWith, .endsWith, .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear, .getFullYear,
            .getHours, .getMilliseconds, .getMinutes, .getMonth, .getSeconds, .charAt, .indexOf, .lastIndexOf,
            .lowerAscii, .upperAscii, .replace, .split, .substring, .trim, .join, .reverse, .format, .hasValue, .value,
            .or, .orValue, .family, .isUnspecified, .isLoopback, .isGlobalUnicast, .isLinkLocalMulticast,
            .isLinkLocalUnicast, .containsIP, .containsCIDR, .masked, .prefixLength:
            .method
        default: .function
        }
    }

    /// Applies the function to values; the target of a method comes first.
    func apply(_ arguments: [Value], isMethod: Bool, _ meter: inout Meter) throws(EvaluationError) -> Value {
        switch form {
        case .function where isMethod, .method where !isMethod: throw meter.noOverload(rawValue, arguments)
        default: break
        }
        switch self {
        case .size, .contains, .startsWith, .endsWith, .matches:
            return try applyToText(arguments, &meter)
        case .dyn, .type, .bool, .int, .uint, .double, .string, .bytes, .timestamp, .duration:
            return try convert(arguments, &meter)
        case .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear, .getFullYear, .getHours, .getMilliseconds,
            .getMinutes, .getMonth, .getSeconds:
            return try read(arguments, &meter)
        case .charAt, .indexOf, .lastIndexOf, .lowerAscii, .upperAscii, .replace, .split, .substring, .trim, .join,
            .reverse, .format, .quote:
            return try applyToStrings(arguments, &meter)
        case .optionalOf, .optionalNone, .optionalOfNonZeroValue, .hasValue, .value, .or, .orValue:
            return try applyToOptionals(arguments, &meter)
        case .base64Encode, .base64Decode:
            return try code(arguments, &meter)
        case .greatest, .least, .ceil, .floor, .round, .trunc, .abs, .sign, .sqrt, .isNaN, .isInf, .isFinite, .bitAnd,
            .bitOr, .bitXor, .bitNot, .bitShiftLeft, .bitShiftRight:
            return try calculate(arguments, &meter)
        case .ip, .cidr, .isIP, .isCIDR, .ipIsCanonical, .family, .isUnspecified, .isLoopback, .isGlobalUnicast,
            .isLinkLocalMulticast, .isLinkLocalUnicast, .containsIP, .containsCIDR, .masked, .prefixLength:
            return try address(arguments, &meter)
        }
    }
}
