import Base

extension SeriesJudge {
  /// How rare a deviation is, by the history of the deviations themselves: a running high quantile,
  /// the *level*, and the first two moments of the excesses over it.
  ///
  /// Above the level the tail is a generalised Pareto distribution fitted by moments (peaks over
  /// threshold; Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017;
  /// Hosking & Wallis, Technometrics 29, 1987). Excesses are kept as moments, so the state is four
  /// numbers. It errs on the quiet side: the shape is never taken to be lighter than `shapeMin`,
  /// the mean excess never smaller than `excessMin`, and few excesses lean on a prior.
  struct TailFit: Equatable, Sendable {
    /// Share of the deviations above the level.
    private static let levelRate: Float = 0.02
    /// −log10 of `levelRate`.
    static let levelScore = 1.698_970_004_336_018_8
    /// Mean excess before any was seen: three times that of a normal distribution.
    private static let excessPrior: Float = 1
    /// How many excesses the prior is worth.
    private static let priorCount: Float = 10
    /// A series that keeps within hard bounds has no tail to fit; and where values are few and
    /// discrete the level sits on one of them and sees excesses of nothing.
    private static let excessMin: Float = 0.25
    /// Heavier than exponential (0), which on fifty excesses cannot be told from it.
    private static let shapeMin = 0.2
    /// One excess counts at most this many root mean square excesses, so that one fault does not
    /// hide the next.
    private static let excessRatioMax: Float = 8
    /// −log10 of a probability: more is not told apart.
    private static let scoreMax = 300.0

    private(set) var level: Float = 2
    /// Mean excess.
    private(set) var excess = excessPrior
    /// Mean of the squared excesses.
    private(set) var excessSquare = 2 * excessPrior * excessPrior
    /// Excesses seen, up to what the half-life holds.
    private(set) var count: Float = 0

    init() {}

    /// Shape of the tail by moments, below 0.5: ½ (1 − mean² / variance).
    private var shape: Double {
      let meanSquare = Double(excess) * Double(excess)
      let variance = Double(excessSquare) - meanSquare
      if variance <= meanSquare { return Self.shapeMin }
      return max(0.5 * (1 - meanSquare / variance), Self.shapeMin)
    }

    /// −log10 of the share of deviations at or above this one. Below the level it is a straight
    /// line to zero: only the order counts there.
    func score(of deviation: Float) -> Double {
      if deviation <= level {
        return level > 0 ? Self.levelScore * Double(deviation / level) : 0
      }
      // (1 + shape · over / scale) ^ (−1 / shape), where the scale is excess · (1 − shape).
      let shape = shape
      let ratio = Double((deviation - level) / excess)
      let decades = JudgePlan.log10(1 + shape / (1 - shape) * ratio) / shape
      return min(Self.levelScore + decades, Self.scoreMax)
    }

    /// Learns one deviation. `weight`: how many buckets the history is worth, at most.
    mutating func learn(_ deviation: Float, weight: Float) {
      let over = deviation - level
      // The step of stochastic approximation: the density of an exponential tail at the level is
      // levelRate / excess. Fewer than 1 / levelRate buckets say nothing about the level.
      let step = excess / (Self.levelRate * max(weight, 1 / Self.levelRate))
      if over <= 0 {
        level = max(level - step * Self.levelRate, 0)
        return
      }
      level += step * (1 - Self.levelRate)
      count = min(count + 1, max(Self.levelRate * weight, Self.priorCount))
      let bounded = min(over, Self.excessRatioMax * excessSquare.squareRoot())
      let share = 1 / (count + Self.priorCount)
      excess = max(excess + (bounded - excess) * share, Self.excessMin)
      excessSquare += (bounded * bounded - excessSquare) * share
      excessSquare = max(excessSquare, excess * excess)
    }

    func encode(into writer: inout ByteWriter) {
      for number in [level, excess, excessSquare, count] {
        writer.append(littleEndian: number.bitPattern)
      }
    }

    init(from reader: inout ByteReader) throws(ByteReaderError) {
      level = Float(bitPattern: try reader.read(UInt32.self))
      excess = Float(bitPattern: try reader.read(UInt32.self))
      excessSquare = Float(bitPattern: try reader.read(UInt32.self))
      count = Float(bitPattern: try reader.read(UInt32.self))
    }

    /// Whether the numbers keep what `learn` keeps.
    var isSound: Bool {
      let numbers = [level, count, excess - Self.excessMin, excessSquare - excess * excess]
      return numbers.allSatisfy { $0 >= 0 && $0.isFinite } && excessSquare.isFinite
    }
  }
}
