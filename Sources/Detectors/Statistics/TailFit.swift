import Base

extension SeriesJudge {
  /// How unusual a score is, by the history of the score itself: a running high quantile, the
  /// *level*, and the mean by which scores exceed it. Above the level the tail is taken to be
  /// exponential (the peaks-over-threshold method of Siffer et al., "Anomaly Detection in Streams
  /// with Extreme Value Theory", KDD 2017, with the shape held at zero and moments for the fit).
  ///
  /// Until enough excesses were seen their mean leans on `excessPrior`, which is larger than any
  /// tail of a well-behaved series: unusual needs to be more unusual at first.
  struct TailFit: Equatable, Sendable {
    /// Share of the scores above the level.
    static let levelRate: Float = 0.02
    /// −log10 of `levelRate`.
    static let levelScore = 1.698_970_004_336_018_8
    static let excessPrior: Float = 1
    static let excessMin: Float = 0.25
    /// How many excesses the prior is worth.
    static let priorCount: Float = 10
    /// One excess counts at most this many times the mean excess, so that one fault does not hide
    /// the next.
    static let excessRatioMax: Float = 8
    /// A heavier tail has no second moment.
    static let shapeMax = 0.5
    /// Below it the tail is exponential to all purposes.
    static let shapeMin = 0.2
    /// −log10 of a probability: more is not told apart.
    static let scoreMax = 300.0

    private(set) var level: Float = 2
    /// Mean excess.
    private(set) var excess = excessPrior
    /// Mean of the squared excesses.
    private(set) var excessSquare = 2 * excessPrior * excessPrior
    /// Excesses seen, up to what the half-life holds.
    private(set) var count: Float = 0

    /// Shape of the tail, by moments: 0 for an exponential tail and any lighter one, up to 0.5.
    private var shape: Double {
      let mean = Double(excess)
      let variance = max(Double(excessSquare) - mean * mean, 0)
      // 0.5 · (1 − mean² / variance), without dividing by zero.
      if variance <= mean * mean { return Self.shapeMin }
      return max(0.5 * (1 - mean * mean / variance), Self.shapeMin)
    }

    /// −log10 of the share of scores at or above `deviation`. Below the level it is a straight
    /// line to zero: only the order counts there.
    func score(of deviation: Float) -> Double {
      if deviation <= level {
        return level > 0 ? Self.levelScore * Double(deviation / level) : 0
      }
      let shape = shape
      let ratio = Double((deviation - level) / excess)
      // The scale by moments is excess · (1 − shape).
      let decades = JudgePlan.log10(1 + shape / (1 - shape) * ratio) / shape
      return min(Self.levelScore + decades, Self.scoreMax)
    }

    /// Learns one score. `weight`: how many buckets the history is worth, at most.
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
      excessSquare = max(excessSquare + (bounded * bounded - excessSquare) * share, excess * excess)
    }

    func encode(into writer: inout ByteWriter) {
      for number in [level, excess, excessSquare, count] { writer.append(littleEndian: number.bitPattern) }
    }

    init() {}

    init(from reader: inout ByteReader) throws(ByteReaderError) {
      level = Float(bitPattern: try reader.read(UInt32.self))
      excess = Float(bitPattern: try reader.read(UInt32.self))
      excessSquare = Float(bitPattern: try reader.read(UInt32.self))
      count = Float(bitPattern: try reader.read(UInt32.self))
      guard level >= 0, level.isFinite, excess > 0, excess.isFinite,
        excessSquare > 0, excessSquare.isFinite, count >= 0, count.isFinite
      else { throw .malformed(filePosition: reader.filePosition) }
    }
  }
}
