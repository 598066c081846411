import Base
import Decode
import Detectors
import Devices
import Ledger
import Storage
import Telemetry
import Windows

/// A partition's state as it comes back from storage, or as it begins.
struct RestoredState: ~Copyable {
  /// The state holds every record below this offset.
  var cut: Int64
  var vocabulary: Vocabulary
  var windows: PartitionWindows
  /// With the definitions it was saved with: a replay repeats what they found, and what the
  /// configuration says now takes effect where the replay ends.
  var detectors: PartitionDetectors
  /// With the options it was saved with, for the same reason.
  var admission: Admission
  var devices: DeviceDirectory
}

/// The file of a state snapshot: a header that names what it is, the vocabulary, the windows, the
/// detectors, what is let in, the directory of devices. Older programs wrote the fourth format,
/// which has no directory; the third, whose detectors say less, too; and the second, which says
/// nothing of what is let in either.
///
/// Bit for bit: restoring and going on gives the rows an undisturbed run gives (I9). The entry
/// holds the file's checksum; the file is not trusted without it.
enum StateSnapshot {
  private static let magic: [UInt8] = Array("DLSTATE5".utf8)
  private static let magicWithoutDevices: [UInt8] = Array("DLSTATE4".utf8)
  private static let magicOfThirdFormat: [UInt8] = Array("DLSTATE3".utf8)
  private static let magicWithoutAdmission: [UInt8] = Array("DLSTATE2".utf8)

  static func encode(
    cut: Int64, vocabulary: Vocabulary, windows: borrowing PartitionWindows,
    detectors: borrowing PartitionDetectors, admission: Admission, devices: DeviceDirectory,
    into writer: inout ByteWriter
  ) {
    writer.append(magic)
    writer.append(littleEndian: cut)
    vocabulary.encode(into: &writer)
    windows.encode(into: &writer)
    detectors.encode(into: &writer)
    admission.encode(into: &writer)
    devices.encode(into: &writer)
  }

  /// The state at the start of a partition that has none.
  ///
  /// - Parameter admission: what records are judged by until the partition stands where the chain
  ///   does.
  static func empty(
    cut: Int64, key: PartitionKey, source: SourceOptions, admission: AdmissionOptions
  ) -> RestoredState {
    RestoredState(
      cut: cut, vocabulary: Vocabulary(attributeCount: source.plan.schema.attributes.count),
      windows: PartitionWindows(
        schema: source.plan.schema, windows: source.windows, options: source.eventTime),
      detectors: PartitionDetectors(
        schema: source.plan.schema, definitions: source.detectors, origin: AnomalyOrigin(key),
        outOfOrdernessMicros: source.eventTime.outOfOrdernessMicros),
      admission: Admission(
        admission, clock: PartitionClock(),
        maxFutureSkewMicros: source.eventTime.maxFutureSkewMicros),
      devices: DeviceDirectory(attributeCount: source.plan.schema.attributes.count))
  }

  /// Reads a snapshot back. A damaged or missing file is `.damaged`: an older one may stand in.
  static func restore(
    _ reference: StateReference, key: PartitionKey, source: SourceOptions, storage: any Storage
  ) throws(StateError) -> RestoredState {
    let bytes: [UInt8]
    do {
      bytes = try storage.read(reference.path)
    } catch {
      throw .damaged("\(error)")
    }
    guard XXHash64.hash(bytes) == reference.checksum else {
      throw .damaged("\(reference.path): its checksum is not the one in the ledger")
    }
    guard FileNames.isState(reference.path, of: key) else {
      throw .incompatible("\(reference.path) is not a state of \(key)")
    }
    var reader = ByteReader(bytes)
    do {
      let format = try reader.readBytes(count: magic.count)
      let formats = [magic, magicWithoutDevices, magicOfThirdFormat, magicWithoutAdmission]
      guard formats.contains(format) else {
        throw StateError.incompatible("\(reference.path) has another format")
      }
      let cut = try reader.read(Int64.self)
      guard cut == reference.cut else {
        throw StateError.damaged(
          "\(reference.path): it was taken at offset \(cut), the ledger says \(reference.cut)")
      }
      var vocabulary = try Vocabulary(from: &reader)
      let windows = try PartitionWindows(
        schema: source.plan.schema, windows: source.windows, options: source.eventTime,
        from: &reader)
      let saved = windows.savedSchema ?? source.plan.schema
      guard vocabulary.attributes.count == saved.attributes.count else {
        throw StateError.damaged("\(reference.path): its parts do not fit together")
      }
      vocabulary.takeAttributes(source.plan.schema.attributeOrigins(in: saved))
      let detectors = try PartitionDetectors(
        schema: source.plan.schema, origin: AnomalyOrigin(key),
        outOfOrdernessMicros: source.eventTime.outOfOrdernessMicros, from: &reader)
      let admission = try admission(
        from: &reader, isThere: format != magicWithoutAdmission, clock: windows.clock,
        deviceCount: vocabulary.devices.count, source: source)
      let devices = try devices(
        from: &reader, isThere: format == magic, windows: windows, saved: saved, source: source)
      guard reader.isAtEnd, windows.fits(vocabulary), detectors.fits(vocabulary),
        devices.fits(vocabulary)
      else {
        throw StateError.damaged("\(reference.path): its parts do not fit together")
      }
      return RestoredState(
        cut: cut, vocabulary: vocabulary, windows: windows, detectors: detectors,
        admission: admission, devices: devices)
    } catch let error as StateError {
      throw error
    } catch let error as WindowsError {
      throw error.isDamage
        ? .damaged("\(reference.path): \(error)") : .incompatible("\(reference.path): \(error)")
    } catch let error as DetectorsError {
      throw error.isDamage
        ? .damaged("\(reference.path): \(error)") : .incompatible("\(reference.path): \(error)")
    } catch {
      throw .damaged("\(reference.path): \(error)")
    }
  }
}

extension StateSnapshot {
  /// What is let in, as it was saved; where it was not, nothing was judged.
  private static func admission(
    from reader: inout ByteReader, isThere: Bool, clock: PartitionClock, deviceCount: Int,
    source: SourceOptions
  ) throws(ByteReaderError) -> Admission {
    let maxFutureSkewMicros = source.eventTime.maxFutureSkewMicros
    if isThere {
      return try Admission(
        from: &reader, clock: clock, maxFutureSkewMicros: maxFutureSkewMicros,
        deviceCount: deviceCount)
    }
    return Admission(.none, clock: clock, maxFutureSkewMicros: maxFutureSkewMicros)
  }

  /// The directory of devices as it was saved; where it was not, what windows know of them.
  private static func devices(
    from reader: inout ByteReader, isThere: Bool, windows: borrowing PartitionWindows,
    saved: ReadingSchema, source: SourceOptions
  ) throws(ByteReaderError) -> DeviceDirectory {
    let schema = source.plan.schema
    if isThere {
      var directory = try DeviceDirectory(
        from: &reader, attributeCount: saved.attributes.count)
      directory.takeAttributes(schema.attributeOrigins(in: saved))
      return directory
    }
    return DeviceDirectory(
      attributeCount: schema.attributes.count, deviceCount: windows.deviceCount,
      attributeWords: windows.attributeWords)
  }
}

extension WindowsError {
  /// Whether the bytes make no sense, rather than not fit the configuration.
  fileprivate var isDamage: Bool {
    if case .damagedState = self { return true }
    return false
  }
}

extension DetectorsError {
  fileprivate var isDamage: Bool {
    if case .damagedState = self { return true }
    return false
  }
}

extension AnomalyOrigin {
  init(_ key: PartitionKey) {
    self.init(topic: key.topic, incarnation: key.incarnation, partition: key.partition)
  }
}

/// Why a state snapshot could not be used.
enum StateError: Error {
  /// The file is gone or not what was written: try an older one.
  case damaged(String)
  /// The file is whole, but this configuration or program cannot continue it.
  case incompatible(String)

  var reason: String {
    switch self {
    case .damaged(let reason): return reason
    case .incompatible(let reason): return reason
    }
  }
}
