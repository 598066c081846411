import Decode
import Duplicates

/// What one record, and all records of a partition together, may bring: `sources[].limits`.
package struct RecordLimits: Equatable, Sendable {
  /// Bytes of one message.
  package var messageByteCountMax: Int
  /// Messages and groups within each other; at most 64.
  package var depthMax: Int
  /// Rows of one record.
  package var rowCountMax: Int
  /// Devices of one partition.
  package var deviceCountMax: Int
  /// Metric names of one partition of a narrow source.
  package var metricCountMax: Int
  /// Words of each attribute of one partition.
  package var attributeWordCountMax: Int

  package init(
    messageByteCountMax: Int, depthMax: Int, rowCountMax: Int, deviceCountMax: Int,
    metricCountMax: Int, attributeWordCountMax: Int
  ) {
    precondition((1...64).contains(depthMax), "the decoders go 64 deep")
    self.messageByteCountMax = messageByteCountMax
    self.depthMax = depthMax
    self.rowCountMax = rowCountMax
    self.deviceCountMax = deviceCountMax
    self.metricCountMax = metricCountMax
    self.attributeWordCountMax = attributeWordCountMax
  }

  /// Those of the formats themselves: a message is shorter than 16 MiB, indexes have 32 bits.
  package static let none = RecordLimits(
    messageByteCountMax: (1 << 24) - 1, depthMax: 64, rowCountMax: Int(Int32.max),
    deviceCountMax: Int(Int32.max), metricCountMax: Int(Int32.max),
    attributeWordCountMax: Int(Int32.max))
}

/// What a partition's records are judged by, one by one and against its state. It is saved with the
/// state: a replay is judged by what the first pass was judged by.
struct AdmissionOptions: Equatable, Sendable {
  /// Of one record; see `RecordLimits`.
  var messageByteCountMax: Int
  var depthMax: Int
  var rowCountMax: Int
  /// Of the partition.
  var deviceCountMax: Int
  var metricCountMax: Int
  var attributeWordCountMax: Int
  /// nil where every record counts.
  var duplicates: DuplicateRule?
}

extension AdmissionOptions {
  init(_ limits: RecordLimits, duplicates: DuplicateRule?) {
    self.init(
      messageByteCountMax: limits.messageByteCountMax, depthMax: limits.depthMax,
      rowCountMax: limits.rowCountMax, deviceCountMax: limits.deviceCountMax,
      metricCountMax: limits.metricCountMax,
      attributeWordCountMax: limits.attributeWordCountMax, duplicates: duplicates)
  }

  /// By nothing but the formats: as before there were limits and duplicates.
  static let none = AdmissionOptions(.none, duplicates: nil)

  /// What decoding a record goes by.
  var decoding: RecordDecoder.Options {
    RecordDecoder.Options(
      payloadByteCountMax: messageByteCountMax, depthMax: depthMax, rowCountMax: rowCountMax)
  }
}

extension SourceOptions {
  var admission: AdmissionOptions { AdmissionOptions(limits, duplicates: duplicates) }
}

extension RecordDecoder.Options {
  init(_ limits: RecordLimits) {
    self.init(
      payloadByteCountMax: limits.messageByteCountMax, depthMax: limits.depthMax,
      rowCountMax: limits.rowCountMax)
  }
}
