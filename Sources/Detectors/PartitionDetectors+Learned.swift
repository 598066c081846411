package import Telemetry

/// What a statistical detector has learned of a series, for looking at it.
package struct LearnedSeries: Equatable, Sendable {
  package var detector: String
  /// `spike`, `jump` or `shift`.
  package var rule: String
  /// What is usual: of values, for `jump` of the steps between them.
  package var mean: Double
  /// How far buckets usually lie from it, in the metric's unit.
  package var spread: Double
  /// The value before (`jump`), the fast mean (`shift`).
  package var recent: Double
  /// How many buckets that is worth.
  package var weight: Double
  /// Starts of buckets, microseconds; nil before the first.
  package var heardSinceMicros: Int64?
  package var lastBucketMicros: Int64?
  /// Whether it has been heard for long enough to judge.
  package var isWarm: Bool
  package var isOpen: Bool
  /// The score from which an anomaly opens now.
  package var threshold: Double
}

extension PartitionDetectors {
  /// What is known of one series: one element a statistical detector that watches it, in their
  /// order; none where the device or the metric was never heard.
  package func learned(
    device: UInt32, metric name: String, vocabulary: borrowing Vocabulary
  ) -> [LearnedSeries] {
    guard Int(device) < devices.count else { return [] }
    var shape: SeriesShape
    var firstBlock: Int
    var place = 0
    if set.schema.isNarrow {
      let numbers = seriesOfDevice[Int(device)].filter {
        String(decoding: metricWord(series[Int($0)].metric, vocabulary), as: UTF8.self) == name
      }
      guard let number = numbers.first else { return [] }
      shape = set.shapes[Int(series[Int(number)].shape)]
      firstBlock = series[Int(number)].firstBlock
    } else {
      shape = set.shapes[0]
      guard let column = set.schema.metrics.firstIndex(where: { $0.name == name }),
        let found = shape.columns.firstIndex(of: column)
      else { return [] }
      place = found
      firstBlock = Int(device) * shape.grids.count
    }
    var learned: [LearnedSeries] = []
    for judging in shape.judgings {
      guard let plan = set.judges[judging.definition] else { continue }
      let places = shape.grids[judging.grid].places
      for (index, column) in judging.columns.enumerated() where places[column] == place {
        guard let judge = blocks[firstBlock + judging.grid].judge(judging.firstJudge + index)
        else { continue }
        learned.append(
          LearnedSeries(judge, plan, of: set.definitions[judging.definition]))
      }
    }
    return learned
  }
}

extension LearnedSeries {
  fileprivate init(_ judge: SeriesJudge, _ plan: JudgePlan, of definition: DetectorDefinition) {
    detector = definition.name
    rule = definition.rule.name
    mean = judge.mean
    spread = judge.spread
    recent = judge.recent
    weight = judge.weight
    heardSinceMicros = judge.heardSince == .min ? nil : judge.heardSince
    lastBucketMicros = judge.lastBucket == .min ? nil : judge.lastBucket
    let span = judge.heardSince == .min
      ? 0 : SeriesJudge.span(from: judge.heardSince, to: judge.lastBucket)
    isWarm = span >= plan.warmUpMicros && judge.weight >= SeriesJudge.weightMin
    isOpen = judge.isOpen
    threshold = plan.threshold + Double(judge.penalty)
  }
}
