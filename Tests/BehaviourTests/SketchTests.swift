import Core
import Testing

@testable import Behaviour

@Suite struct SketchTests {
    /// Appendix A of the SipHash paper: key 00..0f, message 00..0e, SipHash-2-4.
    @Test func hashesAsThePaperSays() {
        let key = KeyedHash(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
        let message = (0..<15).map { UInt8($0) }
        #expect(key.hash(message.span, rounds: (2, 4)) == 0xa129_ca61_49be_45e5)
    }

    private struct Counter: Sampled, Equatable {
        static let limit = 16
        var count = 0
        init() {}
        init?(json: JSON.Value) {
            guard let count = Form.count(json) else { return nil }
            self.count = count
        }
        var json: JSON.Value { Form.count(count) }
        mutating func merge(_ other: Counter) { count += other.count }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func samplesOfPartsMergeToTheSampleOfTheWhole(seed: UInt64) throws {
        var random = Recordings.Generator(state: seed)
        let keys = (0..<600).map { _ in random.next() % 97 &* 0x9E37_79B9_7F4A_7C15 }
        var whole = BottomK<Counter>()
        for key in keys { whole.update(key, make: Counter.init) { $0.count += 1 } }
        var parts = [BottomK<Counter>](repeating: BottomK(), count: 5)
        for (index, key) in keys.enumerated() { parts[index % 5].update(key, make: Counter.init) { $0.count += 1 } }
        parts.shuffle(using: &random)
        var merged = try #require(BottomK<Counter>(json: parts.removeFirst().json))
        for part in parts { merged.merge(try #require(BottomK<Counter>(json: part.json))) }
        #expect(merged.json == whole.json)
        let expected = Dictionary(keys.map { ($0, 1) }, uniquingKeysWith: +).sorted { $0.key < $1.key }.prefix(16)
        #expect(whole.elements.map(\.key) == expected.map(\.key))
        #expect(whole.elements.map(\.value.count) == expected.map(\.value))
    }

    /// Things whose charge grows with what is noted of them, up to a bound.
    private struct Growing: Sampled {
        static let limit = 64
        static let budget = 200
        var count = 0
        init() {}
        init?(json: JSON.Value) {
            guard let count = Form.count(json) else { return nil }
            self.count = count
        }
        var charge: Int { min(count, 20) }
        var json: JSON.Value { Form.count(count) }
        mutating func merge(_ other: Growing) { count += other.count }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func samplesWithinABudgetMergeToTheSampleOfTheWhole(seed: UInt64) throws {
        var random = Recordings.Generator(state: seed)
        let keys = (0..<3_000).map { _ in (random.next() % 40 &* random.next() % 40) &* 0x9E37_79B9_7F4A_7C15 }
        var whole = BottomK<Growing>()
        for key in keys { whole.update(key, make: Growing.init) { $0.count += 1 } }
        var parts = [BottomK<Growing>](repeating: BottomK(), count: 5)
        for key in keys { parts[Int(random.next() % 5)].update(key, make: Growing.init) { $0.count += 1 } }
        parts.shuffle(using: &random)
        var merged = try #require(BottomK<Growing>(json: parts.removeFirst().json))
        for part in parts { merged.merge(try #require(BottomK<Growing>(json: part.json))) }
        #expect(merged.json == whole.json)
        #expect(whole.isCut)
        #expect(whole.elements.reduce(0) { $0 + $1.value.charge } <= Growing.budget)
        let counts = Dictionary(keys.map { ($0, 1) }, uniquingKeysWith: +)
        #expect(whole.elements.allSatisfy { $0.value.count == counts[$0.key] })
    }

    @Test func distinctThingsAreCountedExactlyAndThenEstimated() {
        var random = Recordings.Generator(state: 7)
        var count = DistinctCount()
        let keys = (0..<10_000).map { _ in random.next() }
        for key in keys.prefix(200) { count.insert(key) }
        for key in keys.prefix(200) { count.insert(key) }
        #expect(count.count == 200)
        for key in keys { count.insert(key) }
        #expect((8_000...12_000).contains(count.count))
    }

    @Test func aSetOfFewKnowsThatThereWereMore() throws {
        var one = FewMembers()
        one.insert(9)
        #expect(one.count == 1)
        #expect(!one.hasOther(than: 9))
        #expect(one.hasOther(than: 8))
        var many = one
        for member in [UInt64(5), 4, 3, 2, 1, 5] { many.insert(member) }
        #expect(many.count == 5)
        #expect(try #require(FewMembers(json: many.json)) == many)
        var other = FewMembers()
        for member in [UInt64(1), 2, 3, 4, 5, 9] { other.insert(member) }
        #expect(other == many)
    }

    @Test func extremesRememberHowManySessionsHadThem() throws {
        var extremes = Extremes()
        for number in 0..<30 { extremes.note(Double(number), session: UInt64(number) + 1) }
        extremes.note(29, session: 77)
        extremes.note(.nan, session: 78)
        #expect(extremes.lowest.map(\.number) == [0, 1, 2, 3, 4, 5, 6, 7])
        #expect(extremes.highest.map(\.number) == [29, 28, 27, 26, 25, 24, 23, 22])
        #expect(extremes.highest.first?.sessions.count == 2)
        #expect(try #require(Extremes(json: extremes.json)).json == extremes.json)
    }

    @Test(arguments: [(0.0, 0), (1.0, 129), (-1.0, -129), (1.9, 132), (2.0, 133), (1e300, 381), (1e-300, 0)])
    func numbersFallIntoFixedBuckets(number: Double, bucket: Int) {
        #expect(LogHistogram.bucket(number) == bucket)
    }
}
