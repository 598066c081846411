/// Reads files with any schema, ours or another engine's, node by node: the checkpoints of a table
/// log above all.
///
///     let file = try NestedParquetFile(bytes: bytes)
///     for rowGroup in file.rowGroupRowCounts.indices {
///       let paths = try file.read(["add", "path"], rowGroup: rowGroup)
///     }
///
/// What is read and what is refused by name is as with `ParquetFile`, but a column of a type that
/// is not read spoils only what holds it. Lists and maps come in the standard form or in one of
/// the older ones (LogicalTypes.md). A file is what somebody else may have damaged: a bad one is a
/// `ParquetError`, never a trap.
///
/// Memory: the footer, and what a call returns; beyond that one chunk's compressed bytes, one page
/// and two bytes for each entry of a nested column.
package struct NestedParquetFile {
  /// At the top of the schema; names of elements, keys and values are those of the file.
  package let fields: [ParquetField]
  package let rowCount: Int
  package let rowGroupRowCounts: [Int]
  package let createdBy: String
  package let keyValueMetadata: [ParquetWriterOptions.KeyValue]
  private let footer: DecodedFooter
  private let input: FileInput

  /// Reads the footer of a file in memory.
  package init(
    bytes: [UInt8], limits: ParquetReaderLimits = ParquetReaderLimits()
  ) throws(ParquetError) {
    try self.init(byteCount: bytes.count, limits: limits) { filePosition, byteCount in
      [UInt8](bytes[filePosition..<filePosition + byteCount])
    }
  }

  /// Reads the footer of a file of `byteCount` bytes through `readRange`, which is kept for the
  /// columns. What it throws comes back as `.unreadable`.
  package init(
    byteCount: Int, limits: ParquetReaderLimits = ParquetReaderLimits(),
    readRange: @escaping ParquetFile.RangeReader
  ) throws(ParquetError) {
    input = FileInput(byteCount: byteCount, limits: limits, readRange: readRange)
    footer = try input.readFooter()
    fields = footer.schema.fields
    rowCount = footer.rowCount
    rowGroupRowCounts = footer.rowGroups.map(\.rowCount)
    createdBy = footer.createdBy
    keyValueMetadata = footer.keyValueMetadata
  }

  /// Whether there is a node with columns at `path`, a field at the top or one below groups. It may
  /// still be one that cannot be read.
  package func has(_ path: [String]) -> Bool {
    guard let node = try? node(at: path) else { return false }
    return !node.leaves.isEmpty
  }

  /// Reads the node at `path`, from the top through groups, with everything below it; of one row
  /// group, by its index. The column has a slot for every row, which is absent where the node or a
  /// group above it is.
  package func read(
    _ path: [String], rowGroup: Int
  ) throws(ParquetError) -> NestedColumn {
    let node = try node(at: path)
    let group = footer.rowGroups[rowGroup]
    guard !node.leaves.isEmpty else {
      throw .unsupported("'\(path.joined(separator: "."))', a group of no columns")
    }
    var chunks: [DecodedChunk] = []
    for leaf in node.leaves {
      chunks.append(try readChunk(leaf, slotLevels(of: node)[leaf] ?? 0, of: group))
    }
    let column: NestedColumn
    do throws(PageFault) {
      column = try LevelAssembly(chunks, of: node).column(node)
    } catch {
      throw malformed("\(error)", at: group)
    }
    guard column.count == group.rowCount else {
      throw malformed("'\(node.name)' has \(column.count) rows, not \(group.rowCount)", at: group)
    }
    return column
  }

  private func node(at path: [String]) throws(ParquetError) -> SchemaNode {
    var nodes = footer.schema.nodes
    var found: SchemaNode?
    for name in path {
      guard let node = nodes.first(where: { $0.name == name }) else {
        throw .unsupported("no column '\(path.joined(separator: "."))'")
      }
      found = node
      if case .group(let children) = node.content { nodes = children } else { nodes = [] }
    }
    guard let found else { throw .unsupported("a column without a name") }
    return found
  }

  /// The slot level of each leaf below a node.
  private func slotLevels(of node: SchemaNode) -> [Int: Int] {
    switch node.content {
    case .leaf: [node.leaves.lowerBound: node.slotLevel]
    case .group(let nodes):
      nodes.reduce(into: [:]) { $0.merge(slotLevels(of: $1)) { level, _ in level } }
    case .list(_, let element): slotLevels(of: element)
    case .map(_, let key, let value):
      slotLevels(of: key).merging(slotLevels(of: value)) { level, _ in level }
    }
  }

  private func readChunk(
    _ leaf: Int, _ slotLevel: Int, of group: ParquetRowGroup
  ) throws(ParquetError) -> DecodedChunk {
    let decoded = footer.schema.leaves[leaf]
    guard let column = decoded.column else {
      let type = FormatNames.physicalType(decoded.physicalType)
      throw .unsupported("column '\(decoded.name)': the type \(type) as it is used")
    }
    let chunk = group.chunks[leaf]
    let reader = ColumnChunkReader(
      try input.readChunk(chunk), of: column, slotLevel: slotLevel, chunk, limits: input.limits)
    return try reader.readChunk()
  }

  private func malformed(_ what: String, at group: ParquetRowGroup) -> ParquetError {
    .malformed(what, filePosition: group.filePosition)
  }
}
