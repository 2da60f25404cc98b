import Testing

@testable import Behaviour

@Suite struct StatisticsTests {
    struct Bound: Sendable {
        var hits: Int
        var trials: Int
        var confidence: Double
        var upper: Double
    }

    /// Without hits the bound is 1 - (1 - confidence)^(1/trials); the others are `scipy.stats.beta.ppf` of SciPy 1.14.
    @Test(arguments: [
        Bound(hits: 0, trials: 59, confidence: 0.95, upper: 0.049_506_8),
        Bound(hits: 0, trials: 299, confidence: 0.95, upper: 0.009_969_1),
        Bound(hits: 0, trials: 2_995, confidence: 0.95, upper: 0.000_999_7),
        Bound(hits: 0, trials: 1, confidence: 0.95, upper: 0.95),
        Bound(hits: 5, trials: 10, confidence: 0.975, upper: 0.812_914),
        Bound(hits: 1, trials: 20, confidence: 0.95, upper: 0.216_106),
        Bound(hits: 10, trials: 10, confidence: 0.95, upper: 1),
        Bound(hits: 0, trials: 0, confidence: 0.95, upper: 1),
    ])
    func boundsAreExact(_ bound: Bound) {
        let upper = Binomial.upperBound(bound.hits, of: bound.trials, confidence: bound.confidence)
        #expect(abs(upper - bound.upper) < 2e-6)
    }

    @Test func theLowerBoundMirrorsTheUpperOne() {
        for hits in 0...40 {
            let lower = Binomial.lowerBound(hits, of: 40)
            let upper = Binomial.upperBound(40 - hits, of: 40)
            #expect(abs(lower - (1 - upper)) < 1e-9)
        }
    }

    /// The bound is where seeing no more than so many has just the chance that is left: summed up by hand.
    @Test(arguments: [(3, 50), (0, 7), (12, 200), (199, 1_000)])
    func theBoundLeavesTheChanceThatItSays(hits: Int, trials: Int) {
        let share = Binomial.upperBound(hits, of: trials)
        var term = 0.0
        var sum = 0.0
        for k in 0...hits {
            term =
                Binomial.logGamma(Double(trials) + 1) - Binomial.logGamma(Double(k) + 1)
                - Binomial.logGamma(Double(trials - k) + 1)
            sum += Self.power(share, k) * Self.power(1 - share, trials - k) * Self.exponential(term)
        }
        #expect(abs(sum - 0.05) < 1e-6)
    }

    private static func power(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1.0) { product, _ in product * base }
    }

    private static func exponential(_ x: Double) -> Double {
        var half = x / 1_024
        half = (1...20).reversed().reduce(1.0) { 1 + half / Double($1) * $0 }
        return (0..<10).reduce(half) { product, _ in product * product }
    }

    @Test func saysHowManyMoreTrials() {
        #expect(Binomial.trials(hits: 0, of: 0, upTo: 0.05) == 59)
        #expect(Binomial.trials(hits: 0, of: 10, upTo: 0.01) == 299)
        #expect(Binomial.trials(hits: 5, of: 10, upTo: 0.05) == nil)
    }

    /// Worked by hand after Chao and Jost 2012: ten units, four values seen once, two twice, one in five units.
    @Test func coverageFollowsThePaper() {
        let coverage = IncidenceCoverage(units: 10, counts: [1, 1, 1, 1, 2, 2, 5])
        #expect(coverage.once == 4)
        #expect(coverage.twice == 2)
        #expect(coverage.incidences == 13)
        #expect(abs(coverage.coverage - (1 - 4.0 / 13 * (36.0 / 40))) < 1e-12)
        #expect(abs(coverage.richness - (7 + 0.9 * 16 / 4)) < 1e-12)
        let more = coverage.more(for: 0.95)
        // 1 - 4/13 * 0.9^(m+1) >= 0.95
        #expect(more == 17)
    }

    @Test(arguments: [
        (IncidenceCoverage(units: 0, counts: []), 0.0), (IncidenceCoverage(units: 1, counts: [1, 1]), 0.0),
        (IncidenceCoverage(units: 9, counts: [9, 4]), 1.0),
        (IncidenceCoverage(units: 5, counts: [1, 1, 1, 1, 1]), 0.0),
    ])
    func coverageOfTheEdges(_ coverage: IncidenceCoverage, expected: Double) {
        #expect(abs(coverage.coverage - expected) < 0.2)
        #expect((0...1).contains(coverage.coverage))
    }
}
