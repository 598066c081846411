import Decode

/// What a person should know of a sample beside the mapping: what cannot be mapped, what is odd.
struct ProposalNotes {
  private(set) var sentences: [String] = []

  private static let listedCountMax = 8

  init(
    _ statistics: MessageStatistics, _ keys: KeyStatistics, _ rows: RowsChoice.Found?,
    _ columns: ColumnChoice, _ sample: SampleSummary, _ fits: [TypeFit]
  ) {
    noteSample(sample, fits, keys)
    noteOddities(statistics)
    noteLists(statistics, rows, columns)
    noteZeros(statistics, columns)
    noteOwnFields(columns, rows)
    if statistics.isCapped {
      sentences.append("not all places of the message type were looked at: there are too many")
    }
  }

  private mutating func noteSample(
    _ sample: SampleSummary, _ fits: [TypeFit], _ keys: KeyStatistics
  ) {
    if fits.count > 1, abs(fits[0].score - fits[1].score) < 1e-9, fits[1].score > 0 {
      let equals = fits.dropFirst().prefix { abs($0.score - fits[0].score) < 1e-9 }
      sentences.append(
        "\(equals.prefix(3).map(\.name).joined(separator: ", ")) explains the records as well as "
          + "\(fits[0].name): say --message if it is meant")
    }
    for (reason, count) in sample.unopened.sorted(by: { $0.key < $1.key }) {
      sentences.append("\(Words.count(count, "record")) without a readable envelope: \(reason)")
    }
    if keys.presentCount == 0 {
      sentences.append("no record has a key")
    } else if keys.presentCount < keys.recordCount {
      sentences.append(
        "\(Words.count(keys.recordCount - keys.presentCount, "record")) without a key")
    }
    for header in keys.headers.prefix(Self.listedCountMax) {
      let values = header.isText ? " (\(Words.examples(header.values)))" : ", not text"
      sentences.append(
        "header $header.\(Words.clean(header.name, 60)): \(header.values.countText) values in "
          + "\(Words.count(header.recordCount, "record"))\(values)")
    }
  }

  private mutating func noteOddities(_ statistics: MessageStatistics) {
    let sorted = statistics.oddities.sorted { left, right in
      left.key.path.lexicographicallyPrecedes(right.key.path)
        || left.key.path == right.key.path && left.key.wireType < right.key.wireType
    }
    for (oddity, count) in sorted.prefix(Self.listedCountMax) {
      let path = oddity.path.map(String.init).joined(separator: ".")
      if let declared = oddity.declared {
        sentences.append(
          "\(declared) (field \(path)) has another wire type, \(oddity.wireType), in "
            + Words.count(count, "record"))
      } else {
        sentences.append(
          "field \(path) (wire type \(oddity.wireType)) is in \(Words.count(count, "record")) and "
            + "unknown: a newer schema?")
      }
    }
    if sorted.count > Self.listedCountMax {
      sentences.append("and \(sorted.count - Self.listedCountMax) more such fields")
    }
  }

  /// Repeated fields that no column can hold.
  private mutating func noteLists(
    _ statistics: MessageStatistics, _ rows: RowsChoice.Found?, _ columns: ColumnChoice
  ) {
    var lists: [String] = []
    for (index, node) in statistics.nodes.enumerated() {
      let isOwn = node.repeatedCount == 0 || index == rows?.node
      for (field, seen) in zip(node.type.fields, node.fields) where seen.valueCount > 0 {
        guard field.isRepeated || field.type == .group, isOwn,
          node.children[field.index] == nil || node.children[field.index] != rows?.node
        else { continue }
        let path = (node.path + [field]).map(\.name).joined(separator: ".")
        if field.isMap, columns.metrics.contains(where: { $0.field == path }) { continue }
        lists.append("\(path) (\(field.isMap ? "" : "repeated ")\(field.typeName))")
      }
    }
    guard !lists.isEmpty else { return }
    let more = lists.count > Self.listedCountMax ? ", …" : ""
    sentences.append(
      "left out, because no column holds a list: "
        + lists.prefix(Self.listedCountMax).joined(separator: ", ") + more)
  }

  private mutating func noteZeros(_ statistics: MessageStatistics, _ columns: ColumnChoice) {
    let proposed = Set(columns.metrics.filter(\.isProposed).map(\.field))
    let silent = statistics.leaves().filter { leaf in
      proposed.contains(leaf.text) && leaf.field.presence == .implicit && leaf.kind.isNumeric
        && leaf.field.type != .message && leaf.presentShare < 1
    }
    guard !silent.isEmpty else { return }
    let names = silent.prefix(3).map(\.text).joined(separator: ", ")
    let verb = silent.count > 3 ? " and others are" : silent.count == 1 ? " is" : " are"
    sentences.append(
      "\(names)\(verb) declared without `optional`: a 0 is never sent and so null here, or 0 with "
        + "implicit_zero: true")
  }

  /// Numbers beside the rows, which a source with rows does not read.
  private mutating func noteOwnFields(_ columns: ColumnChoice, _ rows: RowsChoice.Found?) {
    guard rows != nil else { return }
    let lost = columns.leaves.filter { leaf in
      leaf.rowNode == nil && (leaf.kind.isNumeric || leaf.kind == .duration)
        && leaf.statistics.valueCount > 0
        && leaf.text != columns.time.field && leaf.text != columns.mappedSequence
    }
    guard !lost.isEmpty else { return }
    let more = lost.count > Self.listedCountMax ? ", …" : ""
    sentences.append(
      "beside the rows, and so not read: "
        + lost.prefix(Self.listedCountMax).map(\.text).joined(separator: ", ") + more)
  }
}
