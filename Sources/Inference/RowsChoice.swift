import Decode

/// Finds the repeated field whose elements are the readings, if there is one.
struct RowsChoice {
  /// Rows, and how they name their metric where they do.
  struct Found {
    let node: Int
    let path: String
    /// Fields of a row with the metric's name and its value; nil where a row has columns.
    let narrow: (name: Leaf, value: Leaf)?
    let reasons: [String]
    fileprivate let score: Double
  }

  let statistics: MessageStatistics
  let leaves: [Leaf]

  private static let leastScore = 1.0
  /// A map with more keys becomes rows, one with fewer columns.
  static let keyColumnCountMax = 32

  func find() -> Found? {
    var best: Found?
    for index in statistics.nodes.indices {
      guard let found = look(at: index), found.score >= Self.leastScore else { continue }
      if best.map({ found.score > $0.score }) ?? true { best = found }
    }
    return best
  }

  /// Numbers of the record itself that would be lost.
  private var ownMetricCount: Int {
    leaves.count { leaf in
      leaf.rowNode == nil && leaf.kind.isNumeric && leaf.statistics.valueCount > 0
        && !TimeChoice.isTime(leaf) && !NameHints.isSequence(leaf.field.name)
        && !(leaf.kind == .integer && NameHints.isIdentity(leaf.field.name))
    }
  }

  private func look(at index: Int) -> Found? {
    let node = statistics.nodes[index]
    guard node.repeatedCount == 1, let field = node.path.last, field.isRepeated,
      node.messageCount > 0
    else { return nil }
    let row = leaves.filter { $0.rowNode == index }
    let path = node.path.map(\.name).joined(separator: ".")
    let perRecord = Double(node.messageCount) / Double(max(1, statistics.recordCount))
    let seen = "\(Words.count(node.messageCount, "element")) in "
      + "\(Words.count(statistics.recordCount, "record"))"
    if field.isMap {
      guard let name = row.first(where: { $0.field.number == 1 }),
        let value = row.first(where: { $0.field.number == 2 }), value.kind.isNumeric,
        name.path.count == node.path.count + 1, value.path.count == node.path.count + 1,
        name.kind == .text || name.kind == .integer
      else { return nil }
      let keys = name.statistics.distinct
      let isColumns = ownMetricCount > 0 && !keys.isCapped && keys.count <= Self.keyColumnCountMax
      guard !isColumns else { return nil }
      return Found(
        node: index, path: path, narrow: (name, value),
        reasons: ["a map with \(keys.countText) keys (\(Words.examples(keys))), \(seen)"],
        score: 5 - 1.5 * Double(ownMetricCount))
    }
    let hasTime = row.contains { leaf in
      (leaf.kind == .timestamp || leaf.kind == .integer) && TimeChoice.isTime(leaf)
        && leaf.usefulShare >= 0.9
    }
    let numbers = row.filter { isMetric($0) }
    guard !numbers.isEmpty else { return nil }
    let narrow = narrow(row, numbers)
    var score = narrow == nil ? 1.0 : 4.0
    if hasTime { score += 3 }
    if perRecord >= 1.5 { score += 1 }
    score += ownMetricCount == 0 ? 2 : -1.5 * Double(ownMetricCount)
    var reasons = [seen]
    if hasTime { reasons.append("each has a time of its own") }
    if let (name, value) = narrow {
      let names = name.statistics.distinct
      reasons.append(
        "\(name.text) names the metric (\(names.countText) names: \(Words.examples(names))), "
          + "\(value.text) has its value")
    }
    return Found(node: index, path: path, narrow: narrow, reasons: reasons, score: score)
  }

  private func isMetric(_ leaf: Leaf) -> Bool {
    leaf.kind.isNumeric && leaf.statistics.valueCount > 0 && !TimeChoice.isTime(leaf)
      && !(leaf.kind == .integer && NameHints.isIdentity(leaf.field.name))
  }

  private func narrow(_ row: [Leaf], _ numbers: [Leaf]) -> (name: Leaf, value: Leaf)? {
    let words = row.filter { leaf in
      let seen = leaf.statistics
      return leaf.kind.isWord && leaf.usefulShare >= 0.95 && seen.unreadableCount == 0
        && seen.longestByteCount <= StringBounds.metricNameByteCountMax
        && !(seen.distinct.count >= 20 && seen.distinct.count * 2 > seen.usefulCount)
    }
    let values = numbers.filter { $0.kind != .truth }
    let named = values.filter { NameHints.isMetricValue($0.field.name) }
    // Of a oneof of values the one that comes most.
    let value = named.max { ($0.usefulShare, $1.path.count) < ($1.usefulShare, $0.path.count) }
      ?? (values.count == 1 ? values[0] : nil)
    let name = words.first { NameHints.isMetricName($0.field.name) }
      ?? (words.count == 1 && named.count == 1 ? words[0] : nil)
    guard let name, let value else { return nil }
    // With several numbers of which none is called a value, a row has columns.
    if named.isEmpty, values.count > 1 { return nil }
    return (name, value)
  }
}
