/// Puts the leaves of a node together again (the record assembly of Dremel, Melnik et al. 2010, on
/// columns instead of records): the counterpart of `LevelShredding`.
///
/// Where the lists of a node begin and which slots are there is seen in the levels of its first
/// leaf; the other leaves must agree in how many slots there are.
struct LevelAssembly {
  /// Of the node's leaves, in order.
  private let chunks: [DecodedChunk]
  private let firstLeaf: Int

  init(_ chunks: [DecodedChunk], of node: SchemaNode) {
    precondition(chunks.count == node.leaves.count, "a chunk for every leaf")
    self.chunks = chunks
    firstLeaf = node.leaves.lowerBound
  }

  func column(_ node: SchemaNode) throws(PageFault) -> NestedColumn {
    let chunk = chunks[node.leaves.lowerBound - firstLeaf]
    switch node.content {
    case .leaf:
      return NestedColumn(
        count: chunk.slotCount, validity: chunk.validity, content: .values(chunk.values))
    case .group(let nodes):
      let (count, validity) = slots(of: node, chunk)
      var columns: [NestedColumn] = []
      for node in nodes { columns.append(try column(node, count: count)) }
      return NestedColumn(count: count, validity: validity, content: .group(columns))
    case .list(let level, let element):
      let (count, validity) = slots(of: node, chunk)
      let starts = try starts(of: node, level: level, chunk)
      return NestedColumn(
        count: count, validity: validity,
        content: .list(starts: starts, elements: try column(element, count: starts[count])))
    case .map(let level, let key, let value):
      let (count, validity) = slots(of: node, chunk)
      let starts = try starts(of: node, level: level, chunk)
      return NestedColumn(
        count: count, validity: validity,
        content: .map(
          starts: starts, keys: try column(key, count: starts[count]),
          values: try column(value, count: starts[count])))
    }
  }

  private func column(_ node: SchemaNode, count: Int) throws(PageFault) -> NestedColumn {
    let column = try column(node)
    guard column.count == count else {
      throw .malformed("\(column.count) values of '\(node.name)' where there are \(count)")
    }
    return column
  }

  /// A flat column has a slot for every entry; nodes with leaves below them are never flat.
  private func slots(
    of node: SchemaNode, _ chunk: DecodedChunk
  ) -> (count: Int, validity: [UInt64]?) {
    var count = 0
    var presentCount = 0
    var validity: [UInt64] = []
    for entry in chunk.definition.indices {
      let level = Int(chunk.definition[entry])
      guard level >= node.slotLevel, chunk.repetitionLevel(entry) <= node.repetitionLevel
      else { continue }
      if count & 63 == 0 { validity.append(0) }
      if level >= node.definitionLevel {
        validity[count >> 6] |= 1 &<< UInt64(count & 63)
        presentCount += 1
      }
      count += 1
    }
    return (count, presentCount == count ? nil : validity)
  }

  /// Where the elements of each slot begin; `level` says that there is one.
  private func starts(
    of node: SchemaNode, level: Int, _ chunk: DecodedChunk
  ) throws(PageFault) -> [Int] {
    var starts: [Int] = []
    var elementCount = 0
    for entry in chunk.definition.indices {
      let (definition, repetition) = (chunk.definition[entry], chunk.repetitionLevel(entry))
      if Int(definition) >= node.slotLevel, repetition <= node.repetitionLevel {
        starts.append(elementCount)
      }
      if Int(definition) >= level, repetition <= node.repetitionLevel + 1 {
        guard !starts.isEmpty else { throw .malformed("an element outside of any list") }
        elementCount += 1
      }
    }
    starts.append(elementCount)
    return starts
  }
}

extension DecodedChunk {
  fileprivate func repetitionLevel(_ entry: Int) -> Int {
    repetition.isEmpty ? 0 : Int(repetition[entry])
  }
}
