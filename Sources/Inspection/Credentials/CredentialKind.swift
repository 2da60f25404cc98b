/// A kind of credential that can be known by its form alone.
///
/// `name` is stable: findings and reports print it.
package struct CredentialKind: Sendable, Hashable {
    enum Alphabet: Sendable {
        case upperAndDigits
        case alphanumeric
        /// Letters, digits, `-` and `_`.
        case base64URL
        /// `base64URL` with `.`, `+`, `/` and `=` as well.
        case wide
        case hexadecimal
        case digits

        func contains(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39: true
            case 0x41...0x5A: self != .digits && (self != .hexadecimal || byte <= 0x46)
            case 0x61...0x7A: self != .digits && self != .upperAndDigits && (self != .hexadecimal || byte <= 0x66)
            case UInt8(ascii: "-"), UInt8(ascii: "_"): self == .base64URL || self == .wide
            case UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): self == .wide
            default: false
            }
        }
    }

    package let name: String
    let prefix: [UInt8]
    let alphabet: Alphabet
    /// How many characters of the alphabet must follow the prefix.
    let minimum: Int

    init(_ name: String, _ prefix: StaticString, _ alphabet: Alphabet, _ minimum: Int) {
        self.name = name
        self.prefix = Array(prefix.description.utf8)
        self.alphabet = alphabet
        self.minimum = minimum
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.name == right.name && left.prefix == right.prefix
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(prefix)
    }

    static let jsonWebToken = CredentialKind("json-web-token", "eyJ", .base64URL, 10)
    static let privateKey = CredentialKind("private-key", "-----BEGIN", .wide, 0)
    static let urlPassword = CredentialKind("url-password", "://", .wide, 0)
    static let awsSecretKey = CredentialKind("aws-secret-key", "", .wide, 40)
    /// What a text itself calls a secret.
    static let named = CredentialKind("named-secret", "", .wide, 0)
    static let random = CredentialKind("high-entropy", "", .wide, 20)

    /// Issuers' own prefixes, as their documentation and secret-scanning partner lists publish them.
    ///
    /// A longer prefix stands before a shorter one with the same beginning: the first that fits names the match.
    static let prefixed: [CredentialKind] = [
        CredentialKind("aws-access-key", "AKIA", .upperAndDigits, 16),
        CredentialKind("aws-access-key", "ASIA", .upperAndDigits, 16),
        CredentialKind("github-token", "github_pat_", .base64URL, 22),
        CredentialKind("github-token", "ghp_", .alphanumeric, 30),
        CredentialKind("github-token", "gho_", .alphanumeric, 30),
        CredentialKind("github-token", "ghu_", .alphanumeric, 30),
        CredentialKind("github-token", "ghs_", .alphanumeric, 30),
        CredentialKind("github-token", "ghr_", .alphanumeric, 30),
        CredentialKind("gitlab-token", "glpat-", .base64URL, 20),
        CredentialKind("slack-token", "xoxb-", .base64URL, 10),
        CredentialKind("slack-token", "xoxp-", .base64URL, 10),
        CredentialKind("slack-token", "xoxa-", .base64URL, 10),
        CredentialKind("slack-token", "xoxr-", .base64URL, 10),
        CredentialKind("slack-token", "xoxs-", .base64URL, 10),
        CredentialKind("slack-token", "xapp-", .base64URL, 10),
        CredentialKind("slack-webhook", "hooks.slack.com/services/", .wide, 20),
        CredentialKind("anthropic-key", "sk-ant-", .base64URL, 16),
        CredentialKind("openrouter-key", "sk-or-", .base64URL, 16),
        CredentialKind("openai-key", "sk-proj-", .base64URL, 16),
        CredentialKind("openai-key", "sk-svcacct-", .base64URL, 16),
        CredentialKind("openai-key", "sk-", .base64URL, 20),
        CredentialKind("google-api-key", "AIza", .base64URL, 35),
        CredentialKind("google-oauth-token", "ya29.", .base64URL, 20),
        CredentialKind("google-client-secret", "GOCSPX-", .base64URL, 20),
        CredentialKind("stripe-key", "sk_live_", .alphanumeric, 16),
        CredentialKind("stripe-key", "sk_test_", .alphanumeric, 16),
        CredentialKind("stripe-key", "rk_live_", .alphanumeric, 16),
        CredentialKind("stripe-key", "rk_test_", .alphanumeric, 16),
        CredentialKind("stripe-webhook-secret", "whsec_", .wide, 20),
        CredentialKind("npm-token", "npm_", .alphanumeric, 30),
        CredentialKind("pypi-token", "pypi-", .base64URL, 50),
        CredentialKind("huggingface-token", "hf_", .alphanumeric, 30),
        CredentialKind("sendgrid-key", "SG.", .wide, 30),
        CredentialKind("digitalocean-token", "dop_v1_", .hexadecimal, 40),
        CredentialKind("notion-token", "ntn_", .alphanumeric, 30),
        CredentialKind("notion-token", "secret_", .alphanumeric, 30),
        CredentialKind("linear-key", "lin_api_", .alphanumeric, 30),
        CredentialKind("groq-key", "gsk_", .alphanumeric, 30),
        CredentialKind("xai-key", "xai-", .alphanumeric, 40),
        CredentialKind("replicate-token", "r8_", .alphanumeric, 30),
        CredentialKind("perplexity-key", "pplx-", .alphanumeric, 30),
        CredentialKind("databricks-token", "dapi", .hexadecimal, 32),
        CredentialKind("figma-token", "figd_", .base64URL, 30),
        CredentialKind("atlassian-token", "ATATT3", .wide, 40),
        CredentialKind("shopify-token", "shpat_", .hexadecimal, 32),
        CredentialKind("supabase-token", "sbp_", .hexadecimal, 40),
        CredentialKind("tavily-key", "tvly-", .base64URL, 20),
        CredentialKind("vault-token", "hvs.", .base64URL, 20),
        CredentialKind("age-key", "AGE-SECRET-KEY-1", .upperAndDigits, 40),
        CredentialKind("onepassword-token", "ops_eyJ", .base64URL, 40),
    ]
}
