/// Phrases that speak to a model about what it is to do, as numbers of words.
///
/// A strong phrase is a sign by itself. Weak ones are ordinary in manuals, so two of different kinds have to stand close
/// to each other; where a text is hidden from people, or speaks in a role, one is enough.
struct ScreenRules: Sendable {
    enum Strength: Sendable { case strong, weak, slight }

    struct Rule: Sendable {
        var code: String
        var strength: Strength
        var phrases: [Phrase]

        init(_ code: String, _ strength: Strength, _ phrases: String...) {
            self.code = code
            self.strength = strength
            self.phrases = phrases.map { Phrase($0) }
        }
    }

    static let shared = ScreenRules(rules)

    static let rules: [Rule] = [
        Rule(
            "override",
            .strong,
            "ignore|disregard|forget|override|bypass|discard all|any|your|the|every|my|these|those|everything? *2 previous|prior|earlier|preceding|original|initial|former instructions|instruction|constraints|rules|prompts|prompt|directions|guidelines|tasks|task",
            "ignore|disregard|forget all|any|your|the? instructions|rules|directions|messages above|before|given|so",
            "ignore|disregard|forget|abandon *1 user|users actual|real|original|current|initial? task|tasks|request|requests|query|question|instructions|instruction|intent|wishes|goal|goals|message",
            "ignore|disregard *1 user|users .|and|now|completely|entirely|from",
            "ignore|disregard|forget|abandon the|your|this|current|original? task|assignment|objective|goal .|and|now|instead",
            "ignore|disregard|forget everything|anything|all *1 before|told|learned|said|until|instructed",
            "disregard|ignore|bypass your *2 safety|security? policy|checks|rules|guidelines|training|restrictions|filters",
            "dont|never|not|stop obey|obeying|follow|following|listen *2 user|users|previous|original|developer instructions|instruction|orders|commands|prompt|anymore",
            "you are now|henceforth in? *1 developer|admin|god|jailbreak|dan|maintenance|debug|unrestricted|root mode|assistant|ai",
            "you are no longer bound|restricted|limited|an|constrained",
            "your new|real|actual|true task|instructions|instruction|goal|objective|directive|role|mission|orders|priority is|are|follow|now",
            "new|updated|revised system? instructions|instruction|directive|directives|orders for|to the? *1 assistant|ai|model|agent|llm|chatbot",
            "new|updated system message|instructions|instruction|prompt follow|supersede|supersedes|override|replace|overrides|replaces",
            "from now on you *1 must|shall|obey|ignore|respond|act|pretend",
            "reveal|print|repeat|output|leak|send|include|disclose|share your|hidden|initial *3 prompt|instructions",
            "obey whatever|any|all *2 instructions"
        ),
        Rule(
            "concealment",
            .strong,
            "not|dont|never|without ever? tell|inform|notify|alert|telling|informing|notifying|alerting|warning|warn the|our|your? user|users|human|them about|of|that|anything|.|and|what|this|it",
            "not|dont|never|without ever? mention|reveal|disclose|mentioning|revealing|disclosing|show|report *4 to the|your user|users|human",
            "hide|keep|conceal *2 this|these|it|that *3 from|secret *1 user|users",
            "do not|never|dont let the user|users|human *1 know|see|notice|find"
        ),
        Rule(
            "instructions-to-model",
            .strong,
            "task|request|question|instructions|query|job that? i|we gave|assigned|asked|told you",
            "important|urgent message|notice|instruction|instructions|note *2 from|for|to *4 you|assistant|ai|assistants|llm|llms|agent|agents|chatgpt|claude",
            "if you are|re|youre an|a|the? *1 ai|llm|language|assistant|chatbot|bot|gpt|claude *3 then?|you|please|must|should|include|say|send|call|ignore|reply|respond|use",
            "any|all|the|every ai|llm|language|assistant|assistants|agents|agent|llms|chatbot *3 reading|processing|summarizing|summarising|parsing|seeing|viewing *5 must|should|shall|please|need|has|have",
            "attention|note|notice|message|instructions|instruction|hey|hello|dear|directive to|for|all|any? the|all|any? ai|llm|llms|assistant|assistants|chatbot|chatgpt|claude|gemini|copilot *3 must|please|you|ignore|call|send|invoke|execute|do|before|when",
            "ai|assistant|assistants|llm|llms|agents|chatbot|claude|chatgpt must|shall|should now|immediately|first|also|always? call|invoke|send|forward|delete|execute|email|transfer|upload|ignore|include|reply|respond",
            "the user|users has|have already|now? authorized|authorised|approved|consented|permitted *6 you|delete|send|transfer|call|run",
            "decode|decrypt|deobfuscate|unscramble *4 and|then follow|execute|obey|run|do|perform|comply"
        ),
        Rule(
            "before-the-task",
            .weak,
            "before you|doing|continuing|answering|proceeding|responding *2 can|solve|complete|finish|continue|answer|proceed|respond|reply|perform|summarize|return *8 must|please|need|first|have|call|invoke|send|run",
            "after|once you|doing *4 that|this|it|so you can|may|should *1 solve|continue|complete|proceed|resume|return|answer"
        ),
        Rule(
            "tool-order",
            .weak,
            "must|first|now|immediately|please|should|need|and|then|assistant|to|next call|invoke|use|execute|run|trigger the|this|your? TOOL",
            "call|invoke|use|execute|run|trigger the|this|your? TOOL now|first|immediately|next|before|with|on|and",
            "call|invoke|use|execute|trigger the|your *2 tool|function now|first|immediately|next|before|to send|delete|transfer|forward|read"
        ),
        Rule(
            "concealed-from-user",
            .weak,
            "without|despite|against the? user|users|humans knowledge|consent|permission|awareness|noticing|knowing|approval|confirmation",
            "silently|secretly|quietly|covertly call|invoke|send|forward|upload|copy|read|append|include|add|delete|run|execute|transfer",
            "not|dont|never mention|reveal|disclose *1 this|it|that|these",
            "not|dont|never|without ask|asking *2 user|users|confirmation|permission",
            "not|dont|never|without tell|inform|notify|alert|telling|informing|notifying|alerting anyone|anybody|them|him|her|user|users"
        ),
        Rule(
            "model-address",
            .weak,
            "assistant|assistants|llm|llms|chatbot|chatgpt|claude|gpt|copilot|gemini *2 must|please|need|should|shall|have|required|instructed",
            "language model|models *2 must|please|need|should|shall|instructed",
            "you are|as|youre an|a|the helpful? *1 assistant|llm|chatbot|language",
            "dear|attention|hey|hello assistant|ai|llm|agent|model|claude|gpt|chatgpt|bot"
        ),
        Rule(
            "data-away",
            .weak,
            "send|forward|post|upload|email|exfiltrate|transmit|leak|share|include|append|read *8 password|passwords|credentials|secrets|tokens|conversation|history|SECRETFILE|contents *8 to|at|in|and|via",
            "exfiltrate|leak|steal *6 data|files|keys|password|passwords|credentials|secrets|users|contents",
            "delete|remove|erase|wipe all|every|everything *3 files|file|emails|records|repositories|data|backups immediately|now|without|and|first|before"
        ),
        Rule(
            "strict-order",
            .weak,
            "strictly|must|exactly|precisely adhere|follow|obey|comply|execute *3 following|these|this|below instruction|instructions|steps|directive|directives|order|orders",
            "supersedes|overrides|replaces|supersede|override|replace *2 all|any|previous|prior|earlier|other|your *2 instructions|prompts|prompt|directives|rules",
            "ignore|disregard|forget *3 above|previous|prior|earlier *1 instructions|text|message|messages|context|prompt"
        ),
        // What only counts where the text is hidden or speaks in a role.
        Rule(
            "order",
            .slight,
            "you must|should|shall|need|have|are|will now|immediately|first|to|not|call|send|invoke|execute|run|delete|ignore|use",
            "must|now|please|first|immediately|then|next|and call|invoke|send|forward|delete|execute|run|transfer|email|upload|open|visit|fetch|reply|read",
            "call|invoke|execute|run|use|trigger the? TOOL",
            "ignore|disregard|forget the|all|your|any|everything|previous|user",
            "do not|never|dont|not tell|mention|inform|reveal|ask|notify|stop|refuse",
            "send|forward|delete|upload|email|transfer|read|include *3 all|every|the|your|everything|files|money|SECRETFILE",
            "decode|follow these|this|the|following? instructions|instruction|orders|command|commands"
        ),
    ]

    // Numbers below the words of the rules.
    static let unknown: UInt16 = 0
    static let stop: UInt16 = 1
    static let tool: UInt16 = 2
    static let secretFile: UInt16 = 3

    private enum Part: Sendable {
        /// Where the row of accepted numbers begins.
        case word(Int, isOptional: Bool)
        case gap(Int)
    }

    private struct Opening: Sendable {
        var rule: Int
        var parts: [Part]
    }

    /// The numbers of the words by their hash, 0 where a slot is free; a word that finds its slot taken has the next.
    private let slots: [UInt16]
    /// The letters of the words one after the other, and where those of each number begin.
    private let letters: [UInt8]
    private let begins: [Int]
    private let width: Int
    private let accepted: [Bool]
    private let openings: [[Opening]]

    private init(_ rules: [Rule]) {
        var numbers: [String: UInt16] = [".": Self.stop, "TOOL": Self.tool, "SECRETFILE": Self.secretFile]
        for phrase in rules.flatMap(\.phrases) {
            for case .word(let words, _) in phrase.parts {
                for word in words where numbers[word] == nil { numbers[word] = UInt16(numbers.count) + 1 }
            }
        }
        width = numbers.count + 1
        var accepted: [Bool] = []
        var openings = [[Opening]](repeating: [], count: width)
        for (index, rule) in rules.enumerated() {
            for phrase in rule.phrases {
                var parts: [Part] = []
                var firsts: Set<UInt16> = []
                for part in phrase.parts {
                    switch part {
                    case .gap(let length): parts.append(.gap(length))
                    case .word(let words, let isOptional):
                        parts.append(.word(accepted.count, isOptional: isOptional))
                        var row = [Bool](repeating: false, count: width)
                        for word in words { row[Int(numbers[word] ?? 0)] = true }
                        accepted += row
                        if parts.count == 1 { firsts = Set(words.compactMap { numbers[$0] }) }
                    }
                }
                for first in firsts { openings[Int(first)].append(Opening(rule: index, parts: parts)) }
            }
        }
        for (word, number) in numbers where word.utf8.first.map({ $0 < 0x61 }) == true && number > Self.secretFile {
            preconditionFailure("the words of rules are lower case, not `\(word)`")
        }
        var slots = [UInt16](repeating: 0, count: Self.slotCount)
        var letters: [UInt8] = []
        var begins = [0]
        for (word, number) in numbers.sorted(by: { $0.value < $1.value }) {
            begins.append(letters.count)
            letters += word.utf8
            guard number > Self.secretFile else { continue }
            var slot = Int(word.utf8.reduce(Self.seed) { Self.mixed($0, $1) }) & (Self.slotCount - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (Self.slotCount - 1) }
            slots[slot] = number
        }
        begins.append(letters.count)
        self.slots = slots
        self.letters = letters
        self.begins = begins
        self.accepted = accepted
        self.openings = openings
    }

    private static let slotCount = 4_096
    private static let seed: UInt32 = 2_166_136_261

    private static func mixed(_ hash: UInt32, _ byte: UInt8) -> UInt32 {
        let mixed = (hash ^ UInt32(byte)) &* 16_777_619
        return mixed ^ mixed >> 15
    }

    private static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// The number of a word in capitals or not, whose apostrophes do not count.
    func number(of bytes: [UInt8], _ place: Range<Int>) -> UInt16 {
        var hash = Self.seed
        for at in place where bytes[at] != 0x27 { hash = Self.mixed(hash, Self.lower(bytes[at])) }
        var slot = Int(hash) & (Self.slotCount - 1)
        while slots[slot] != 0 {
            if isWord(slots[slot], bytes, place) { return slots[slot] }
            slot = (slot + 1) & (Self.slotCount - 1)
        }
        return Self.unknown
    }

    private func isWord(_ number: UInt16, _ bytes: [UInt8], _ place: Range<Int>) -> Bool {
        var letter = begins[Int(number)]
        let end = begins[Int(number) + 1]
        for at in place where bytes[at] != 0x27 {
            guard letter < end, letters[letter] == Self.lower(bytes[at]) else { return false }
            letter += 1
        }
        return letter == end
    }

    /// The rules that have a phrase that begins at this word, and where it ends.
    func matches(_ words: [UInt16], at start: Int, _ work: inout ScreenWork) -> [(rule: Int, end: Int)] {
        var result: [(rule: Int, end: Int)] = []
        for opening in openings[Int(words[start])] where !result.contains(where: { $0.rule == opening.rule }) {
            if let end = end(opening.parts, 0, words, start, &work.steps) { result.append((opening.rule, end)) }
        }
        return result
    }

    private func end(_ parts: [Part], _ part: Int, _ words: [UInt16], _ position: Int, _ steps: inout Int) -> Int? {
        guard part < parts.count else { return position }
        steps += 1
        switch parts[part] {
        case .word(let row, let isOptional):
            if position < words.count, accepted[row + Int(words[position])],
                let end = end(parts, part + 1, words, position + 1, &steps)
            {
                return end
            }
            return isOptional ? end(parts, part + 1, words, position, &steps) : nil
        case .gap(let length):
            for skipped in 0...length {
                if let end = end(parts, part + 1, words, position + skipped, &steps) { return end }
                guard position + skipped < words.count, words[position + skipped] != Self.stop else { return nil }
            }
            return nil
        }
    }
}
