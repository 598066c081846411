/// What becomes of a wide source's columns when its configuration or its schema gains metrics: a
/// state that was saved with fewer goes on under the new ones, wherever in the list they stand.
extension ReadingSchema {
  /// The metrics as state snapshots name them: `temperature double, mode text`.
  package var metricList: String {
    metrics.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", ")
  }

  /// This schema with the metrics of a `metricList` that was saved; nil where this one has not all
  /// of them with the same types, or is narrow and the list is another.
  package func shrunk(toMetricList list: String) -> ReadingSchema? {
    if list == metricList { return self }
    if isNarrow { return nil }
    var saved: [MetricColumn] = []
    if !list.isEmpty {
      for item in list.split(separator: ",") {
        let words = item.split(separator: " ")
        guard words.count == 2,
          let metric = metrics.first(where: { $0.name == words[0] && $0.type.rawValue == words[1] })
        else { return nil }
        saved.append(metric)
      }
    }
    return ReadingSchema(
      source: source, attributes: attributes, hasSequence: hasSequence, isNarrow: false,
      metrics: saved)
  }

  /// Where each metric of `other` stands here. All of them must.
  package func places(ofMetricsOf other: ReadingSchema) -> [Int] {
    let places = Dictionary(uniqueKeysWithValues: metrics.enumerated().map { ($1.name, $0) })
    return other.metrics.map { metric in
      guard let place = places[metric.name] else {
        preconditionFailure("a schema only grows: \(source) lacks \(metric.name)")
      }
      return place
    }
  }

  /// The presence bits of a row that has the metrics of `other` alone.
  package func presence(ofMetricsOf other: ReadingSchema) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: presenceWordsPerRow)
    for place in places(ofMetricsOf: other) { words[place / 64] |= 1 << UInt64(place % 64) }
    return words
  }
}

extension ReadingBatch {
  /// Takes values out of rows from `firstRow` on: those whose presence bits `kept` lacks become
  /// absent. Their words stay: nobody reads the word of an absent value.
  package mutating func hideMetrics(except kept: [UInt64], fromRow firstRow: Int) {
    let width = schema.presenceWordsPerRow
    precondition(kept.count == width, "one bit a metric")
    for index in firstRow * width..<presenceWords.count {
      presenceWords[index] &= kept[index % width]
    }
  }
}
