import Inspection
import Growth
import Testing

@Suite struct SecretMentionTests {
    @Test(
        arguments: [
            ("password: hunter2", "password: <7>"), ("Password = \"hun ter2\".", "Password = \"<8>\"."),
            ("{\"db_password\":\"hunter2\",\"user\":\"ann\"}", "{\"db_password\":\"<7>\",\"user\":\"ann\"}"),
            (#"{\"api_key\":\"abc\"}"#, #"{\"api_key\":\"<3>\"}"#), ("api_key=swordfish&page=2", "api_key=<9>&page=2"),
            ("API key: abc-123.", "API key: <7>."), ("otp: 123456, valid for a minute", "otp: <6>, valid for a minute"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer <7>"),
            ("Authorization: Basic YW5uOngK", "Authorization: Basic <8>"),
            ("sent with Bearer abcd1234efgh to it", "sent with Bearer <12> to it"),
            ("**Password:** hunter2", "**Password:** <7>"), ("client_secret => 's3'", "client_secret => '<2>'"),
            ("please update my password to 1j1l-2k3j.", "please update my password to <9>."),
            ("my password is Tr0ub4dor&3", "my password is <11>"), ("pwd=hunter2", "pwd=<7>"),
            ("password: sk-ant-0123456789abcdef01", "password: <25>"),
            ("access token: q9Fz2Lk8Wm4Xc7Vb1Np5", "access token: <20>"),
            ("X-Api-Key: 1234567890abcdef", "X-Api-Key: <16>"), ("DB_PASS=swordfish99", "DB_PASS=<11>"),
            ("Cookie: session=abcdef0123456789; theme=dark\nnext", "Cookie: session=<28>\nnext"),
            ("<password>swordfish99</password>", "<password><11></password>"),
            ("password:\nswordfish99\nnext", "password:\n<11>\nnext"), ("Passwort: swordfish99", "Passwort: <11>"),
            ("run mysql -u root -pswordfish99 books", "run mysql -u root -p<11> books"),
            ("`sshpass -p swordfish99 ssh x`", "`sshpass -p <11> ssh x`"),
            ("curl -u bob:swordfish99 https://x", "curl -u bob:<11> https://x"),
            ("https://x.example/c?sv=2020&sig=abcDEF123%2Bxyz456%3D", "https://x.example/c?sv=2020&sig=<21>"),
            (
                "https://x.example/x?X-Amz-Signature=0123456789abcdef0123456789abcdef",
                "https://x.example/x?X-Amz-Signature=<32>"
            ),
            ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/x", "aws_secret_access_key = <23>"),
            ("use wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY, please", "use <40>, please"),
            ("AKIAIOSFODNN7EXAMPLE:je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY", "<20>:<40>"),
            ("Your code is 482913.", "Your code is <6>."),
            ("Your Acme security code is: 4829", "Your Acme security code is: <4>"),
            ("482913 is your login code", "<6> is your login code"),
            ("Use 482 913 as your one-time code", "Use <7> as your one-time code"),
            ("Verification code for ann: **48291347**", "Verification code for ann: **<8>**"),
            ("your sign-in code is 482913", "your sign-in code is <6>"),
            ("Enter 482913 to verify it is you", "Enter <6> to verify it is you"),
            ("use the OTP to approve\n  it: 482913", "use the OTP to approve\n  it: <6>"), ("OTP 482913", "OTP <6>"),
        ] as [(String, String)]
    )
    func whatATextCallsASecretIsReplaced(_ text: String, _ expected: String) {
        #expect(Credentials.tokenise(text) { "<\($0.utf8.count)>" } == expected)
    }

    /// Where rules come from addresses and links in texts, those stay.
    @Test(
        arguments: [
            "the password is required", "reset your password: https://evil.example/reset?x=1",
            "password: ${DB_PASSWORD}",
            "send the password to bob@example.org", "share the secret to DE89370400440532013000", "PWD=/home/ann/work",
            "password: hmac-sha256:01234567:0123456789abcdef0123456789abcdef", "password: ********", "key: Q3 report",
            "token: 17", "bearer of bad news", "the bearer certificates", "compass: north", "password_policy: strict",
            "Cookie: chocolate and nuts", "cookies=yes", "the password:\nis not known", "password:\n  min_length: 8",
            "<password></password>", "curl -u bob https://x", "mysql -u root -p books", "mkdir -p a1/b2",
            "ssh -p 2222 x",
            "curl -u bob:$PASS https://x", "OLD_PWD=/home/a1", "sig=ABCDEF0123456789AB", "Signature: Jane Doe",
            "a promo code: 482913", "zip code is 90210", "your zip code is 90210", "error code 4041",
            "the code is 4829 lines long", "country code: 4829", "exit code was 1234", "I wrote code in 2024",
            "code 4829 of the law", "invoice 482913 is your latest", "482913 is your order number",
            "your code is 48.2913",
            "Your code was sent on 2026-03-01. Order 482913 is on its way", "your code is $4829", "paid 4829 to you",
            "use 2024 to compare", "room code: 4829", "the year is 2024", "0123456789abcdef0123456789abcdef01234567",
            "LoremIpsumDolorSitAmetConsecteturAdipisc", "usr/local/share/Documents/Report2024/abc",
            "https://x.example/wJalrXUtnFEMI7MDENGbPxRfiCYEXAMPLEKEYw2",
            "issue key: LOCK-17", "secret: {", "password", "password:", "Bearer ", "password is",
        ] as [String]
    )
    func whatIsNoneStays(_ text: String) {
        #expect(Credentials.tokenise(text) { _ in "!" } == nil)
    }

    @Test(
        arguments: [
            ("pass", "swordfish99", true), ("db_pass", "swordfish99", true), ("pwd", "swordfish99", true),
            ("pin", "4711", true), ("cvv", "123", true), ("cardCvv", "123", true), ("credentials", "swordfish99", true),
            ("X-Api-Key", "abc", true), ("pass", "12", false), ("pwd", "/home/ann1", false), ("pin", "yes", false),
            ("credentials", "include", false), ("boarding", "A1B2C3", false), ("pin_code", "4711", false),
            ("verification_code", "482913", true), ("otpCode", "482913", true), ("one_time_code", "4829", true),
            ("code", "482913", false), ("zip_code", "90210", false), ("security_code", "see mail", false),
            ("confirmationCode", "482913", true), ("confirmation_code", "AB12CD", false),
            ("pass", "a day pass, 2 people", false),
        ] as [(String, String, Bool)]
    )
    func aNameSaysThatItsValueIsASecret(_ name: String, _ value: String, _ isSecret: Bool) {
        #expect((Credentials.tokenise(value, named: name) { _ in "!" } == "!") == isSecret)
    }

    @Test func tokenisingAgainChangesNothing() {
        let token = "hmac-sha256:01234567:0123456789abcdef0123456789abcdef"
        let once = Credentials.tokenise("password: hunter2, Bearer abcd1234efgh") { _ in token }
        #expect(once == "password: \(token), Bearer \(token)")
        #expect(once.flatMap { Credentials.tokenise($0) { _ in "!" } } == nil)
    }

    @Test(arguments: ["password: ", "password is ", "bearer ", "key=\"", "\\\"secret\\\":\\\""])
    func longTextsOfNamesTakeLinearTime(_ piece: String) {
        let growth = Growth.ratio(small: 2500, large: 20_000, enough: 16) { count in
            _ = Credentials.tokenise(String(repeating: piece, count: count)) { _ in "!" }
        }
        #expect(growth < 32)
    }
}

/// What tells most texts apart from those that may hold a secret.
@Suite struct SecretSignTests {
    /// Texts that hold a secret, and what a secret may be made of and stand beside.
    private static let pieces = [
        "password: hunter2", "Password = \"hun ter2\".", "{\"db_password\":\"hunter2\"}", #"{\"api_key\":\"abc\"}"#,
        "Authorization: Bearer abc.def", "Bearer abcd1234efgh", "**Password:** hunter2", "client_secret => 's3'",
        "my password is Tr0ub4dor&3", "update my password to 1j1l-2k3j", "DB_PASS=swordfish99", "pwd=hunter2",
        "Cookie: session=abcdef0123456789", "<password>swordfish99</password>", "password:\nswordfish99",
        "Passwort: swordfish99", "mysql -u root -pswordfish99 books", "`sshpass -p swordfish99 ssh x`",
        "/usr/bin/curl -u bob:swordfish99 https://x", "redis-cli -a swordfish99", "https://u:swordfish99@x.example/",
        "https://x.example/c?sv=2020&sig=abcDEF123%2Bxyz456%3D", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AKIAIOSFODNN7EXAMPLE", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "sk-ant-0123456789abcdef01",
        "hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX", "-----BEGIN RSA PRIVATE KEY-----\nab",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0x.abcdefghijk", "Your code is 482913.", "482913 is your login code",
        "Use 482 913 as your one-time code", "Verification code: **48291347**", "tu código es 482913", "OTP 482-913",
        "\u{212A}ode: 482913", "Enter 482913 to verify it is you", "code", "4829", "is", "your", "to", "-", "/", "+",
        "x", ":",
        "=", "\"", "\\", "é", "\n", ".", "@", "//", "token", "key", "PIN", "kode",
    ]

    private static func hasSign(_ text: String) -> Bool { Credentials.mayHoldSecret(text.utf8.span) }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func noSecretIsWithoutASign(_ seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func next(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        for _ in 0..<400 {
            let gaps = ["", " ", "  ", "\n"]
            let text = (0..<1 + next(5)).map { _ in Self.pieces[next(Self.pieces.count)] + gaps[next(gaps.count)] }
                .joined()
            guard Credentials.tokenise(text, token: { _ in "!" }) != nil else { continue }
            #expect(Self.hasSign(text), "\(text)")
        }
        for piece in Self.pieces where Credentials.tokenise(piece, token: { _ in "!" }) != nil {
            #expect(Self.hasSign(piece), "\(piece)")
        }
    }

    @Test(arguments: [
        "Dear Ann, the meeting of 2026-03-02 at 10:30 is in room 204.",
        "- amount: 1200.50\n  date: '2022-03-01'\n  id: 7",
        "see https://example.org/a/b?c=d and write to ann@example.org", "0123456789abcdef0123456789abcdef", "",
    ])
    func ordinaryTextsHaveNoSign(_ text: String) { #expect(!Self.hasSign(text)) }

    @Test(arguments: ["password", "X-Api-Key", "pin", "otpCode", "card_cvv", "token"])
    func namesOfSecretsAreKnown(_ name: String) { #expect(Credentials.mayNameSecret(name)) }

    @Test(arguments: ["subject", "recipient", "file_path", "password_file", "id"])
    func otherNamesAreNot(_ name: String) { #expect(!Credentials.mayNameSecret(name)) }
}
