package import Base

/// The words of one partition: what the dense indexes in its reading batches stand for.
///
/// Device indexes are part of the partition's state and live as long as it; the other tables may
/// be rebuilt. No output depends on an index, only on the words (invariant I9).
package struct Vocabulary: Sendable {
  package var devices = WordTable()
  /// One table for each attribute of the source, in schema order.
  package var attributes: [WordTable]
  /// Metric names of a narrow source; empty for a wide one.
  package var metrics = WordTable()

  package init(attributeCount: Int) {
    attributes = Array(repeating: WordTable(), count: attributeCount)
  }

  package var byteCount: Int {
    attributes.reduce(devices.byteCount + metrics.byteCount) { $0 + $1.byteCount }
  }

  package func encode(into writer: inout ByteWriter) {
    devices.encode(into: &writer)
    writer.append(varint: UInt64(attributes.count))
    for table in attributes { table.encode(into: &writer) }
    metrics.encode(into: &writer)
  }

  /// - Parameter attributeCount: of the source; another number in the bytes is `malformed`.
  package init(
    from reader: inout ByteReader, attributeCount: Int
  ) throws(ByteReaderError) {
    devices = try WordTable(from: &reader)
    attributes = []
    guard try reader.readCount() == attributeCount else {
      throw .malformed(filePosition: reader.filePosition)
    }
    for _ in 0..<attributeCount { attributes.append(try WordTable(from: &reader)) }
    metrics = try WordTable(from: &reader)
  }
}
