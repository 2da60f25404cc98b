// For the logarithm and the exponential function, which the standard library has not.
import Glibc

/// Exact bounds for a share that was counted (Clopper and Pearson, 1934).
package enum Binomial {
    /// The largest share for which seeing so few is no surprise: the one-sided bound at this confidence.
    ///
    /// - Returns: 1 where nothing was tried, since nothing is known then.
    package static func upperBound(_ hits: Int, of trials: Int, confidence: Double = 0.95) -> Double {
        guard trials > 0, hits < trials else { return 1 }
        return quantile(confidence, Double(max(0, hits)) + 1, Double(trials - max(0, hits)))
    }

    /// The smallest share for which seeing so many is no surprise.
    package static func lowerBound(_ hits: Int, of trials: Int, confidence: Double = 0.95) -> Double {
        guard trials > 0, hits > 0 else { return 0 }
        let hits = min(hits, trials)
        return quantile(1 - confidence, Double(hits), Double(trials - hits) + 1)
    }

    /// How many trials with this share of hits bring the upper bound down to the target; nil beyond ten million.
    package static func trials(hits: Int, of trials: Int, upTo target: Double, confidence: Double = 0.95) -> Int? {
        let share = trials > 0 ? Double(hits) / Double(trials) : 0
        let isEnough = { (count: Int) -> Bool in
            let expected = Int((share * Double(count)).rounded(.up))
            return upperBound(expected, of: count, confidence: confidence) <= target
        }
        var high = max(1, trials)
        while !isEnough(high) {
            high *= 2
            if high > 10_000_000 { return nil }
        }
        var low = max(0, trials - 1)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if isEnough(middle) { high = middle } else { low = middle }
        }
        return high
    }

    /// The quantile of the beta distribution, by halving: 60 steps are more than a double can tell apart.
    private static func quantile(_ probability: Double, _ a: Double, _ b: Double) -> Double {
        var low = 0.0
        var high = 1.0
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if regularizedBeta(middle, a, b) < probability { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22) with Lentz's method.
    static func regularizedBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        guard x > 0 else { return 0 }
        guard x < 1 else { return 1 }
        // The fraction converges fast on this side of the mean only.
        if x > (a + 1) / (a + b + 2) { return 1 - regularizedBeta(1 - x, b, a) }
        let normaliser: Double = logGamma(a) + logGamma(b) - logGamma(a + b)
        let front: Double = a * log(x) + b * log1p(-x) - log(a) - normaliser
        let tiny = 1e-300
        var c = 1.0
        var d = 1 - (a + b) * x / (a + 1)
        d = 1 / (abs(d) < tiny ? tiny : d)
        var fraction = d
        for step in 1...1_000 {
            let m = Double(step)
            let even: Double = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            let odd: Double = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            for numerator in [even, odd] {
                d = 1 + numerator * d
                d = 1 / (abs(d) < tiny ? tiny : d)
                c = 1 + numerator / c
                if abs(c) < tiny { c = tiny }
                fraction *= d * c
            }
            if abs(d * c - 1) < 1e-15 { break }
        }
        return min(1, exp(front) * fraction)
    }

    /// Stirling's series (DLMF 5.11.1) after shifting the argument to where six terms are exact to a double.
    static func logGamma(_ x: Double) -> Double {
        var shift = 0.0
        var x = x
        while x < 15 {
            shift -= log(x)
            x += 1
        }
        let square = 1 / (x * x)
        var series = 0.0
        for coefficient in [-691.0 / 360_360, 1.0 / 1_188, -1.0 / 1_680, 1.0 / 1_260, -1.0 / 360, 1.0 / 12] {
            series = series * square + coefficient
        }
        return shift + (x - 0.5) * log(x) - x + 0.918_938_533_204_672_74 + series / x
    }
}
