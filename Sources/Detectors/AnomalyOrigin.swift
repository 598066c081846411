import Base

/// The partition that anomalies are found in. Together with the source of the schema it makes the
/// ids of one partition differ from those of every other.
package struct AnomalyOrigin: Equatable, Sendable {
  package let topic: String
  /// How often the topic was created anew.
  package let incarnation: Int64
  package let partition: Int32

  package init(topic: String, incarnation: Int64, partition: Int32) {
    self.topic = topic
    self.incarnation = incarnation
    self.partition = partition
  }
}

/// What an anomaly is about: with its origin and opening, what makes its id.
///
/// Two anomalies may open at one offset, so `row` tells them apart: the row index of the reading
/// for limits; the bucket's start, microseconds, for statistical detectors; −1 for a silent device;
/// the minute for a summary of silent devices.
struct AnomalySubject {
  /// What kind of anomaly carries the id.
  enum Kind: UInt8 {
    case finding
    /// Many silent devices at once.
    case summary
    /// The cap; the other fields are those of the opening that it refused first.
    case cap
  }

  var kind: Kind
  /// The device's id; nil where it is about many devices.
  var device: [UInt8]?
  var metric: [UInt8]?
  var detector: String
  var offset: Int64
  var row: Int64
}

extension AnomalyOrigin {
  /// XXHash64 of all parts, texts with their lengths before them, so that no two lists of parts
  /// give the same bytes. Cost: an allocation; anomalies are rare.
  func id(of subject: AnomalySubject, source: String) -> UInt64 {
    var writer = ByteWriter(reserving: 160)
    writer.append(lengthPrefixed: source)
    writer.append(lengthPrefixed: topic)
    writer.append(littleEndian: incarnation)
    writer.append(littleEndian: partition)
    writer.append(subject.kind.rawValue)
    for text in [subject.device, subject.metric] {
      writer.append(text == nil ? 0 as UInt8 : 1)
      if let text { writer.append(lengthPrefixed: text) }
    }
    writer.append(lengthPrefixed: subject.detector)
    writer.append(littleEndian: subject.offset)
    writer.append(littleEndian: subject.row)
    return XXHash64.hash(writer.bytes)
  }
}
