package import Base

/// Judges one series against its own past, bucket by bucket, in O(1) state and time.
///
/// The deviation of a bucket (see `StatisticalRule.Kind`) in units of its usual spread is a score
/// that `TailFit` turns into a probability, from the history of this very score: nothing is taken
/// to be normally distributed. Everything is judged by the state before the bucket, then learnt.
///
/// **Invariants:** no stored number is NaN or infinite, whatever finite values come in; at most one
/// anomaly is open; none is open for longer than the plan's `openMicrosMax` and one bucket.
package struct SeriesJudge: Equatable, Sendable {
  private enum Phase: UInt8 {
    case quiet
    case openWarning
    case openCritical
  }

  /// Weighted by age: of the values (`spike`, `shift`), of the steps (`jump`).
  private var mean = 0.0
  /// Root of the mean squared deviation from `mean`, weighted by age.
  private var spread = 0.0
  /// The value before (`jump`), the fast mean (`shift`).
  private var recent = 0.0
  /// Sum of the weights by age behind `mean`: how many buckets it is worth.
  private var weight = 0.0
  private var recentWeight = 0.0
  /// Where warm-up began; `Int64.min` before the first bucket.
  private var heardSince = Int64.min
  private var lastBucket = Int64.min
  /// Start of the bucket that opened or closed the last anomaly; `Int64.min` before the first.
  private var phaseSince = Int64.min
  private var tail = TailFit()
  /// Added to the threshold after openings; fades within the budget's span.
  private var penalty: Float = 0
  private var bucketsOpen: UInt32 = 0
  private var usualCount: UInt8 = 0
  private var phase = Phase.quiet

  /// A series that was never heard.
  package init() {}

  /// An anomaly is open.
  package var isOpen: Bool { phase != .quiet }

  // MARK: - One bucket

  /// Judges a bucket with at least one reading, then learns from it.
  ///
  /// `bucketStart` is later than the bucket's before it. `value` is finite; beyond ±2^900 it is
  /// taken as ±2^900, far from where squares and sums overflow.
  package mutating func judge(
    value: Double, bucketStart: Int64, plan: JudgePlan
  ) -> Judgement {
    precondition(value.isFinite, "a value that is not finite enters no detector")
    let value = min(max(value, -Self.magnitudeMax), Self.magnitudeMax)
    guard lastBucket != .min else { return begin(value: value, bucketStart: bucketStart, plan) }
    precondition(bucketStart > lastBucket, "buckets come in order, each once")
    let gapMicros = Self.span(from: lastBucket, to: bucketStart)
    let gap = max(gapMicros / plan.everyMicros, 1)
    fade(over: gap, plan)
    lastBucket = bucketStart
    let forgotten = gapMicros > plan.halfLifeMicros
    if forgotten { heardSince = bucketStart }

    let finding = finding(value: value, gap: gap, plan)
    let isWarm = weight >= Self.weightMin && !forgotten
      && Self.span(from: heardSince, to: bucketStart) >= plan.warmUpMicros
    var judgement = Judgement(
      step: .none, severity: .warning, value: finding.value, expected: finding.expected,
      score: isWarm ? tail.score(of: finding.deviation) : 0,
      threshold: plan.threshold + Double(penalty), spread: finding.unit,
      deviation: Double(finding.deviation), bucketsSinceOpened: 0, ending: nil)
    let wasOpen = isOpen
    live(&judgement, forgotten: forgotten, plan)
    let isNewLevel = judgement.ending == .newLevel
    learn(value: value, gap: gap, finding, score: judgement.score, wasOpen: wasOpen, plan)
    if isNewLevel { adoptLevel(value: value, plan) }
    return judgement
  }

  /// The opening just asked for did not happen: the cap on open anomalies refused it. The series
  /// is as it would be had the anomaly closed at once; after the refractory time it may ask again.
  package mutating func refuse() {
    phase = .quiet
    bucketsOpen = 0
  }
}

// MARK: - What a bucket shows

extension SeriesJudge {
  /// Values are taken as at most this large.
  private static let winsorAt = 8.0
  private static let magnitudeMax = 0x1p900
  /// Deviations smaller than this share of the values are dust of rounding.
  private static let dust = 0x1p-40
  /// Nothing is judged on less than this many buckets, however long they took.
  private static let weightMin = 30.0
  /// Deviations are counted up to here.
  private static let deviationMax = 1e6

  /// A bucket's deviation.
  private struct Finding {
    let value: Double
    let expected: Double
    /// Usual size of `value` − `expected`.
    let unit: Double
    /// |`value` − `expected`| in units of `unit`; 0 where the unit is dust.
    let deviation: Float
  }

  private mutating func begin(
    value: Double, bucketStart: Int64, _ plan: JudgePlan
  ) -> Judgement {
    heardSince = bucketStart
    lastBucket = bucketStart
    recent = value
    recentWeight = 1
    if plan.kind != .jump {
      mean = value
      weight = 1
    }
    return Judgement(
      step: .none, severity: .warning, value: value, expected: value, score: 0,
      threshold: plan.threshold, spread: 0, deviation: 0, bucketsSinceOpened: 0, ending: nil)
  }

  /// Lets weights fade over a number of bucket lengths.
  private mutating func fade(over gap: Int64, _ plan: JudgePlan) {
    weight *= JudgePlan.power(plan.slowDecay, gap)
    penalty *= Float(JudgePlan.power(plan.budgetDecay, gap))
    if plan.kind == .shift { recentWeight *= JudgePlan.power(plan.fastDecay, gap) }
  }

  /// Compares by the state before the bucket; the fast mean of `shift` takes the bucket in first.
  private mutating func finding(value: Double, gap: Int64, _ plan: JudgePlan) -> Finding {
    var judged = value
    var expected = mean
    var unit = spread
    // The means are themselves uncertain: as of independent values, the tail's fit does the rest.
    let known = max(weight, 1)
    switch plan.kind {
    case .spike:
      unit *= (1 + 1 / known).squareRoot()
    case .jump:
      let stretch = Double(gap).squareRoot()
      expected = recent + mean * stretch
      unit *= stretch * (1 + 1 / known).squareRoot()
    case .shift:
      recentWeight += 1
      recent += (value - recent) / recentWeight
      judged = recent
      unit *= (1 / (2 * recentWeight - 1) + 1 / (2 * known - 1)).squareRoot()
    }
    let size = abs(judged - expected)
    let isDust = unit <= Self.dust * max(abs(judged), abs(expected))
    let deviation = isDust ? 0 : min(size / unit, Self.deviationMax)
    return Finding(value: judged, expected: expected, unit: unit, deviation: Float(deviation))
  }
}

// MARK: - The life of an anomaly

extension SeriesJudge {
  /// Consecutive usual buckets that close an anomaly.
  private static let usualCountToClose: UInt8 = 3
  /// Raises the threshold by half of its value.
  private static let penaltyOfOpening: Float = 0.5
  private static let overshootShare: Float = 0.0

  private mutating func live(_ judgement: inout Judgement, forgotten: Bool, _ plan: JudgePlan) {
    let matters = abs(judgement.value - judgement.expected) >= plan.changeMin
    let isOver = matters && judgement.score >= judgement.threshold
    let isCritical = isOver && judgement.score >= plan.criticalThreshold + Double(penalty)
    if isOpen {
      bucketsOpen &+= 1
      judgement.bucketsSinceOpened = Int(bucketsOpen)
      judgement.severity = phase == .openCritical ? .critical : .warning
      // Usual: within the level that all but a few buckets keep to.
      let isUsual = judgement.score < TailFit.levelScore || !matters
      usualCount = isUsual ? usualCount + 1 : 0
      let openMicros = Self.span(from: phaseSince, to: lastBucket)
      if forgotten {
        close(&judgement, .gap)
      } else if usualCount >= Self.usualCountToClose {
        close(&judgement, .usualAgain)
      } else if openMicros >= plan.openMicrosMax {
        close(&judgement, .newLevel)
      } else if isCritical, phase == .openWarning {
        phase = .openCritical
        judgement.step = .escalated
        judgement.severity = .critical
      }
      return
    }
    guard isOver, !isRefractory(plan) else { return }
    phase = isCritical ? .openCritical : .openWarning
    let overshoot = Float(judgement.score - judgement.threshold)
    penalty += max(Self.penaltyOfOpening, Self.overshootShare * overshoot)
    phaseSince = lastBucket
    bucketsOpen = 1
    usualCount = 0
    judgement.step = .opened
    judgement.severity = isCritical ? .critical : .warning
    judgement.bucketsSinceOpened = 1
  }

  private func isRefractory(_ plan: JudgePlan) -> Bool {
    phaseSince != .min && Self.span(from: phaseSince, to: lastBucket) < plan.refractoryMicros
  }

  private mutating func close(_ judgement: inout Judgement, _ ending: Judgement.Ending) {
    judgement.step = .closed
    judgement.ending = ending
    phase = .quiet
    phaseSince = lastBucket
    bucketsOpen = 0
    usualCount = 0
  }
}

// MARK: - Learning

extension SeriesJudge {
  private mutating func learn(
    value: Double, gap: Int64, _ finding: Finding, score: Double, wasOpen: Bool,
    _ plan: JudgePlan
  ) {
    // What happens within an anomaly says nothing about the tail outside; its first bucket does.
    if weight >= Self.weightMin / 3, !wasOpen {
      tail.learn(finding.deviation, weight: Float(weight))
    }
    var deviation: Double
    switch plan.kind {
    case .spike, .shift:
      deviation = value - mean
    case .jump:
      deviation = (value - recent) / Double(gap).squareRoot() - mean
      recent = value
    }
    if score >= plan.threshold {
      let bound = spread * Self.winsorAt
      deviation = min(max(deviation, -bound), bound)
    }
    weight += 1
    let share = 1 / weight
    mean += deviation * share
    spread = Self.rootMeanSquare(spread, deviation, share: share)
  }

  /// √((1 − share) a² + share b²) without overflow on the way.
  private static func rootMeanSquare(_ a: Double, _ b: Double, share: Double) -> Double {
    let largest = max(a, abs(b))
    if largest == 0 { return 0 }
    let left = a / largest
    let right = b / largest
    return largest * ((1 - share) * left * left + share * right * right).squareRoot()
  }

  /// The series stays where it went: that is the usual level from here on, known a little.
  private mutating func adoptLevel(value: Double, _ plan: JudgePlan) {
    weight = min(weight, Self.weightMin)
    switch plan.kind {
    case .spike: mean = value
    case .jump: break
    case .shift: mean = recent
    }
  }

  /// Microseconds from one time to a later one, without overflow.
  private static func span(from start: Int64, to end: Int64) -> Int64 {
    let (span, overflow) = end.subtractingReportingOverflow(start)
    return overflow ? .max : span
  }
}

// MARK: - State snapshot

extension SeriesJudge {
  /// Appends every number bit for bit: 86 bytes.
  package func encode(into writer: inout ByteWriter) {
    for number in [mean, spread, recent, weight, recentWeight] { writer.append(number) }
    for time in [heardSince, lastBucket, phaseSince] { writer.append(littleEndian: time) }
    tail.encode(into: &writer)
    writer.append(littleEndian: penalty.bitPattern)
    writer.append(littleEndian: bucketsOpen)
    writer.append(usualCount)
    writer.append(phase.rawValue)
  }

  /// Reads back what `encode` wrote; numbers that no judge can hold are `malformed`.
  package init(from reader: inout ByteReader) throws(ByteReaderError) {
    mean = try reader.readDouble()
    spread = try reader.readDouble()
    recent = try reader.readDouble()
    weight = try reader.readDouble()
    recentWeight = try reader.readDouble()
    heardSince = try reader.read(Int64.self)
    lastBucket = try reader.read(Int64.self)
    phaseSince = try reader.read(Int64.self)
    tail = try TailFit(from: &reader)
    penalty = Float(bitPattern: try reader.read(UInt32.self))
    bucketsOpen = try reader.read(UInt32.self)
    usualCount = try reader.readByte()
    let phase = Phase(rawValue: try reader.readByte())
    guard let phase, isSound else { throw .malformed(filePosition: reader.filePosition) }
    self.phase = phase
  }

  /// The invariants of the numbers.
  var isSound: Bool {
    mean.isFinite && spread.isFinite && spread >= 0 && recent.isFinite && weight.isFinite
      && weight >= 0 && recentWeight.isFinite && recentWeight >= 0 && penalty.isFinite
      && penalty >= 0
  }
}
