/// What the footer of any Parquet file says, flat or nested, ours or another's, checked.
///
/// **Invariants:** every row group has a chunk for every leaf; chunks that have bytes lie in the
/// file in order and do not overlap.
struct DecodedFooter {
  let schema: DecodedSchema
  let rowCount: Int
  let rowGroups: [ParquetRowGroup]
  let createdBy: String
  let keyValueMetadata: [ParquetWriterOptions.KeyValue]
  let filePosition: Int

  /// The footer of a flat file all of whose columns can be read.
  func flat() throws(ParquetError) -> ParquetFooter {
    var columns: [ParquetColumn] = []
    for field in schema.fields {
      switch field.content {
      case .value(let type):
        columns.append(
          ParquetColumn(name: field.name, type: type, isOptional: field.isOptional))
      case .unreadable(let what): throw .unsupported("column '\(field.name)': \(what)")
      case .group, .list, .map: throw .unsupported("nested columns, as '\(field.name)'")
      }
    }
    return ParquetFooter(
      schema: ParquetSchema(columns: columns), rowCount: rowCount, rowGroups: rowGroups,
      createdBy: createdBy, keyValueMetadata: keyValueMetadata, filePosition: filePosition)
  }
}
