import Decode

/// Chooses attributes, the sequence and the metrics, once device, time and rows are known.
struct ColumnChoice {
  /// Statistics whose groups are devices.
  let statistics: MessageStatistics
  let leaves: [Leaf]
  let rows: RowsChoice.Found?
  let device: SchemaProposal.Choice
  let time: SchemaProposal.Choice
  private(set) var sequence: SchemaProposal.Choice?
  private(set) var tellsDuplicates = false
  private(set) var attributes: [SchemaProposal.Column] = []
  private(set) var metrics: [SchemaProposal.Column] = []
  private var names = ColumnNames()

  /// Columns that are proposed, and as many more that are named with a reason.
  private static let metricCountMax = 2000
  private static let attributeCountMax = 32
  /// A word with more values is none.
  private static let wordCountMax = 64

  init(
    _ statistics: MessageStatistics, rows: RowsChoice.Found?, device: SchemaProposal.Choice,
    time: SchemaProposal.Choice
  ) {
    self.statistics = statistics
    leaves = statistics.leaves()
    self.rows = rows
    self.device = device
    self.time = time
    chooseSequence()
    chooseAttributes()
    if rows?.narrow == nil { chooseMetrics() }
  }

  // MARK: - Sequence

  private mutating func chooseSequence() {
    let integers = leaves.filter { leaf in
      leaf.rowNode == nil && leaf.kind == .integer && leaf.text != time.field
        && leaf.statistics.clock.unit == nil && leaf.usefulShare >= 0.9
    }
    let named = integers.filter { NameHints.isSequence($0.field.name) && isRising($0) }
    let counting = integers.filter { risesByOne($0) }
    guard let leaf = named.first(where: { risesByOne($0) }) ?? named.first ?? counting.first
    else { return }
    let relation = leaf.statistics.relation
    var reasons: [String] = []
    if risesByOne(leaf) {
      tellsDuplicates = true
      let share = Double(relation.risingByOneCount) / Double(relation.stepCount)
      reasons.append(
        "rises by 1 in \(Words.percent(share)) of "
          + "\(Words.count(relation.stepCount, "step")) within a device")
    } else if relation.stepCount > 0 {
      reasons.append("rises within a device, not always by 1")
    }
    if relation.equalCount > 0 {
      reasons.append(
        "\(Words.count(relation.equalCount, "record")) repeat the one before: duplicates?")
    }
    if !NameHints.isSequence(leaf.field.name) {
      reasons.append("not named like a sequence, so that it is left among the metrics")
    }
    sequence = SchemaProposal.Choice(field: leaf.text, reasons: reasons)
  }

  private func isRising(_ leaf: Leaf) -> Bool {
    leaf.statistics.relation.fallingCount * 20 <= leaf.statistics.relation.stepCount
  }

  private func risesByOne(_ leaf: Leaf) -> Bool {
    let relation = leaf.statistics.relation
    return relation.stepCount >= 5 && relation.risingCount > 0 && isRising(leaf)
      && relation.risingByOneCount * 10 >= (relation.stepCount - relation.equalCount) * 9
  }

  /// The sequence that the mapping is to have: one that is called so.
  var mappedSequence: String? {
    guard let field = sequence?.field, let leaf = leaves.first(where: { $0.text == field }),
      NameHints.isSequence(leaf.field.name)
    else { return nil }
    return field
  }

  // MARK: - Attributes

  private mutating func chooseAttributes() {
    for leaf in leaves where leaf.rowNode == nil && leaf.kind.isWord {
      guard leaf.text != device.field else { continue }
      let seen = leaf.statistics
      if seen.usefulCount == 0 {
        add(leaf, isProposed: false, "never seen")
      } else if let objection = objection(toWord: leaf) {
        // Where a row has columns, those of the record cannot be among them.
        if leaf.kind == .text, rows == nil { continue }
        add(leaf, isProposed: false, objection)
      } else {
        let isFull = attributes.count { $0.isProposed } >= Self.attributeCountMax
        add(leaf, isProposed: !isFull, remark(of: leaf))
      }
    }
  }

  private mutating func add(_ leaf: Leaf, isProposed: Bool, _ remark: String) {
    let name = isProposed ? take(leaf.text, isAttribute: true) : ColumnNames.name(ofPath: leaf.text)
    attributes.append(
      SchemaProposal.Column(field: leaf.text, name: name, isProposed: isProposed, remark: remark))
  }

  /// Why a string or enum is no attribute, nil if it is one.
  private func objection(toWord leaf: Leaf) -> String? {
    let seen = leaf.statistics
    let values = "\(seen.distinct.countText) values in \(Words.count(seen.usefulCount, "record"))"
    if leaf.kind == .name {
      return seen.distinct.count > Self.wordCountMax ? "\(values): too many" : nil
    }
    if seen.unreadableCount > 0 { return "not always UTF-8" }
    if seen.longestByteCount > 256 { return "up to \(seen.longestByteCount) bytes long" }
    if seen.distinct.isCapped || seen.distinct.count > Self.wordCountMax {
      let isOfDevice = seen.relation.isStable && !seen.distinct.isCapped
        && seen.distinct.count * 2 <= seen.usefulCount
      return isOfDevice ? nil : "\(values): too many for a word"
    }
    let isFew = seen.distinct.count * 4 <= seen.usefulCount || seen.distinct.count <= 2
    return isFew || seen.relation.isStable ? nil : "\(values): too many for a word"
  }

  // MARK: - Metrics

  private mutating func chooseMetrics() {
    let scope = leaves.filter { $0.rowNode == rows?.node }
    var left: [(leaf: Leaf, remark: String)] = []
    for leaf in scope {
      guard leaf.text != time.field, leaf.text != device.field, leaf.text != mappedSequence,
        rows != nil || !attributes.contains(where: { $0.field == leaf.text })
      else { continue }
      if let objection = objection(toMetric: leaf) {
        left.append((leaf, objection))
      } else {
        add(metric: leaf, isProposed: true, remark(of: leaf))
      }
    }
    if rows == nil { addKeyColumns() }
    // A source needs a metric: numbers before texts, seen ones before the others.
    let hasNone = !metrics.contains(where: \.isProposed)
    let isNumber = left.contains { $0.leaf.kind.isNumeric && !TimeChoice.isTime($0.leaf) }
    for (leaf, remark) in left {
      let serves = hasNone && (!isNumber || leaf.kind.isNumeric && !TimeChoice.isTime(leaf))
      add(metric: leaf, isProposed: serves, remark)
    }
  }

  private mutating func add(metric leaf: Leaf, isProposed: Bool, _ remark: String) {
    let isFull = metrics.count { $0.isProposed } >= Self.metricCountMax
    guard metrics.count < 2 * Self.metricCountMax else { return }
    let own = leaf.path.dropFirst(rows.map { statistics.nodes[$0.node].path.count } ?? 0)
    let path = own.map(\.name).joined(separator: ".")
    let isTaken = isProposed && !isFull
    let name = isTaken ? take(path, isAttribute: false) : ColumnNames.name(ofPath: path)
    metrics.append(
      SchemaProposal.Column(field: leaf.text, name: name, isProposed: isTaken, remark: remark))
  }

  /// Why a field is not among the metrics, nil if it is.
  private func objection(toMetric leaf: Leaf) -> String? {
    let seen = leaf.statistics
    guard seen.valueCount > 0 else { return "\(leaf.field.typeName), never seen" }
    switch leaf.kind {
    case .text, .name:
      let what = leaf.kind == .text ? "text" : "names of \(leaf.field.typeName)"
      let values = "\(seen.distinct.countText) values (\(Words.examples(seen.distinct)))"
      return "\(what): \(values); would be a column of text"
    case .bytes: return "bytes, up to \(seen.longestByteCount); would be a binary column"
    case .timestamp: return "another time; would be a column of timestamps"
    case .integer where NameHints.isIdentity(leaf.field.name):
      return "\(leaf.field.typeName): named like an identity, not a quantity"
    case .integer, .floating:
      guard TimeChoice.isTime(leaf), let unit = seen.clock.unit else { return nil }
      return "\(leaf.field.typeName): another time, in \(unit.unit.rawValue) since 1970"
    case .truth, .duration: return nil
    }
  }

  /// Few keys of a map with numbers beside other metrics: a column each.
  private mutating func addKeyColumns() {
    for (index, node) in statistics.nodes.enumerated() {
      guard node.repeatedCount == 1, let field = node.path.last, field.isMap else { continue }
      let entry = leaves.filter { $0.rowNode == index && $0.path.count == node.path.count + 1 }
      guard let key = entry.first(where: { $0.field.number == 1 }),
        let value = entry.first(where: { $0.field.number == 2 }), value.kind.isNumeric,
        key.kind == .text || key.kind == .integer
      else { continue }
      let keys = key.statistics.distinct
      guard !keys.isCapped, keys.count <= RowsChoice.keyColumnCountMax,
        keys.texts.count == keys.count
      else { continue }
      let path = node.path.map(\.name).joined(separator: ".")
      for text in keys.texts.sorted() where !text.isEmpty {
        metrics.append(
          SchemaProposal.Column(
            field: path, key: text, name: take("\(path)_\(text)", isAttribute: false),
            isProposed: true, remark: "\(value.field.typeName), a key of the map"))
      }
    }
  }

  // MARK: - What was seen

  private func remark(of leaf: Leaf) -> String {
    let seen = leaf.statistics
    var parts: [String] = []
    switch leaf.kind {
    case .text, .name:
      parts.append(
        "\(Words.count(seen.distinct.count, "value")) (\(Words.examples(seen.distinct)))")
      if seen.relation.isStable, seen.relation.groupCount > 1 {
        parts.append("stays within a device")
      }
    default:
      parts.append(leaf.field.typeName)
      if seen.smallest <= seen.largest, leaf.kind != .truth {
        parts.append(
          seen.isConstant
            ? "always \(Words.number(seen.smallest))"
            : "\(Words.number(seen.smallest)) to \(Words.number(seen.largest))")
      }
      if leaf.kind == .integer, isCounter(seen) {
        parts.append("a counter: it rises within a device")
      }
      if seen.nonFiniteCount > 0 { parts.append("\(seen.nonFiniteCount) are NaN or infinite") }
    }
    let share = leaf.kind == .text ? leaf.usefulShare : leaf.presentShare
    if share < 1 { parts.append("null in \(Words.percent(1 - share))") }
    return parts.joined(separator: ", ")
  }

  private func isCounter(_ seen: FieldStatistics) -> Bool {
    seen.relation.stepCount >= 5 && seen.relation.fallingCount * 50 <= seen.relation.stepCount
      && seen.relation.risingCount * 2 > seen.relation.stepCount
  }

  /// A column's name that no other has.
  private mutating func take(_ path: String, isAttribute: Bool) -> String {
    let plain = String(
      path.unicodeScalars.map { scalar in
        let isWord = scalar.isASCII && (Character(scalar).isLetter || Character(scalar).isNumber)
        return isWord ? Character(scalar) : "_"
      }.prefix(ColumnNames.byteCountMax - 12))
    var name = plain
    for attempt in 1... {
      if names.take(name, key: path, isAttribute: isAttribute) == nil { break }
      name = attempt == 1 ? "\(plain)_field" : "\(plain)_field_\(attempt)"
    }
    return name
  }
}
