/// What becomes of a source's columns when its configuration or its schema has other attributes,
/// or, of a wide one, other metrics: a state goes on with those that are still there, wherever in
/// the list they stand.
extension ReadingSchema {
  /// The metrics as state snapshots name them: `temperature double, mode text`.
  package var metricList: String {
    metrics.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", ")
  }

  /// This schema with the metrics of a `metricList` that was saved, those that are gone included;
  /// nil where this one has a metric of one of the names with another type, where the list is none,
  /// or where this one is narrow and the list is another.
  package func saved(metricList list: String) -> ReadingSchema? {
    if list == metricList { return self }
    if isNarrow { return nil }
    var saved: [MetricColumn] = []
    if !list.isEmpty {
      for item in list.split(separator: ",") {
        let words = item.split(separator: " ")
        guard words.count == 2, let type = MetricType(rawValue: String(words[1])),
          !saved.contains(where: { $0.name == words[0] })
        else { return nil }
        let now = metrics.first { $0.name == words[0] }
        guard now == nil || now?.type == type else { return nil }
        saved.append(now ?? MetricColumn(name: String(words[0]), type: type))
      }
    }
    return ReadingSchema(
      source: source, attributes: attributes, hasSequence: hasSequence, isNarrow: false,
      metrics: saved)
  }

  /// The attributes as state snapshots name them: `region, firmware`.
  package var attributeList: String { attributes.joined(separator: ", ") }

  /// This schema with the attributes of an `attributeList` that was saved, those that are gone
  /// included; nil where the list is none.
  package func saved(attributeList list: String) -> ReadingSchema? {
    var saved: [String] = []
    for item in list.split(separator: ",") {
      let words = item.split(separator: " ")
      guard words.count == 1, !saved.contains(String(words[0])) else { return nil }
      saved.append(String(words[0]))
    }
    let known = with(attributes: saved)
    return known.attributeList == list ? known : nil
  }

  /// This schema with other attributes.
  package func with(attributes: [String]) -> ReadingSchema {
    ReadingSchema(
      source: source, attributes: attributes, hasSequence: hasSequence, isNarrow: isNarrow,
      metrics: metrics)
  }

  /// For each attribute of this schema its place among those of `other`; nil of a new one.
  package func attributeOrigins(in other: ReadingSchema) -> [Int?] {
    attributes.map { other.attributes.firstIndex(of: $0) }
  }

  /// `count` rows of words of the attributes of `other`, as rows of this schema's: of new ones
  /// nothing is known.
  package func attributeRows(
    _ words: [UInt32], count: Int, of other: ReadingSchema
  ) -> [UInt32] {
    let width = other.attributes.count
    precondition(words.count == count * width, "one word an attribute and row")
    let origins = attributeOrigins(in: other)
    var rows: [UInt32] = []
    rows.reserveCapacity(count * origins.count)
    for row in 0..<count {
      for origin in origins {
        rows.append(origin.map { words[row * width + $0] } ?? WordTable.none)
      }
    }
    return rows
  }

  /// Where each metric of `other` stands here; nil of one that is gone.
  package func places(ofMetricsOf other: ReadingSchema) -> [Int?] {
    let places = Dictionary(uniqueKeysWithValues: metrics.enumerated().map { ($1.name, $0) })
    return other.metrics.map { places[$0.name] }
  }

  /// The presence bits of a row that has the metrics of `other` alone.
  package func presence(ofMetricsOf other: ReadingSchema) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: presenceWordsPerRow)
    for case let place? in places(ofMetricsOf: other) {
      words[place / 64] |= 1 << UInt64(place % 64)
    }
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
