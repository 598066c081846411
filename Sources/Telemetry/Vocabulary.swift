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

  /// How many words there are now: what `retract(to:)` goes back to.
  package func mark(_ mark: inout VocabularyMark) {
    mark.deviceCount = devices.count
    mark.metricCount = metrics.count
    if mark.attributeCounts.count != attributes.count {
      mark.attributeCounts = Array(repeating: 0, count: attributes.count)
    }
    for index in attributes.indices { mark.attributeCounts[index] = attributes[index].count }
  }

  /// The first attribute that has new words since the mark, and more than `limit`; nil if none has.
  package func attribute(beyond limit: Int, since mark: VocabularyMark) -> Int? {
    attributes.indices.first {
      attributes[$0].count > limit && attributes[$0].count > mark.attributeCounts[$0]
    }
  }

  /// Takes back all words that came since the mark: those of a record that is not let in. Nothing
  /// may refer to them. Cost: nothing where there are none.
  package mutating func retract(to mark: VocabularyMark) {
    if devices.count > mark.deviceCount { devices.removeWords(from: mark.deviceCount) }
    if metrics.count > mark.metricCount { metrics.removeWords(from: mark.metricCount) }
    for (index, count) in mark.attributeCounts.enumerated() where attributes[index].count > count {
      attributes[index].removeWords(from: count)
    }
  }

  package func encode(into writer: inout ByteWriter) {
    devices.encode(into: &writer)
    writer.append(varint: UInt64(attributes.count))
    for table in attributes { table.encode(into: &writer) }
    metrics.encode(into: &writer)
  }

  /// With the attributes it was saved with: whether they are the source's is for the caller to see.
  package init(from reader: inout ByteReader) throws(ByteReaderError) {
    devices = try WordTable(from: &reader)
    attributes = []
    for _ in 0..<(try reader.readCount()) { attributes.append(try WordTable(from: &reader)) }
    metrics = try WordTable(from: &reader)
  }

  /// Takes other attributes from here on: those that were there and are keep their words.
  ///
  /// - Parameter origins: for each attribute its place before; nil of a new one.
  package mutating func takeAttributes(_ origins: [Int?]) {
    attributes = origins.map { origin in origin.map { attributes[$0] } ?? WordTable() }
  }
}

/// A place in the life of a vocabulary.
package struct VocabularyMark: Sendable {
  package internal(set) var deviceCount = 0
  package internal(set) var metricCount = 0
  package internal(set) var attributeCounts: [Int] = []

  package init() {}
}
