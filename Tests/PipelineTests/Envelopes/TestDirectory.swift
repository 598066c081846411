import Decode
import Synchronization

@testable import Pipeline

/// Knows of schemas what it is told.
final class TestDirectory: SchemaDirectory {
  private let answers = Mutex<[Int32: SchemaAnswer]>([:])
  private let askedIDs = Mutex<Set<Int32>>([])

  /// All ids that were ever asked for.
  var asked: Set<Int32> { askedIDs.withLock { $0 } }

  func say(_ answer: SchemaAnswer?, of id: Int32) { answers.withLock { $0[id] = answer } }

  /// The file of the built-in messages.
  func know(_ id: Int32) throws {
    let text = """
      syntax = "proto3"; package fleet.telemetry.v1;
      message DeviceTelemetry {} message TelemetryBatch {}
      """
    say(.protobuf(try SchemaOutline(text: text)), of: id)
  }

  func answer(for id: Int32) -> SchemaAnswer? {
    _ = askedIDs.withLock { $0.insert(id) }
    return answers.withLock { $0[id] }
  }

  var account: SchemaAccount { SchemaAccount(place: "test") }
}

extension TestRecord {
  /// The record with its message in an envelope: a message of the first or second type of a file.
  func inEnvelope(_ id: UInt8, message: UInt8 = 0) -> TestRecord {
    var record = self
    let indexes: [UInt8] = message == 0 ? [0] : [2, 2 * message]
    record.payload = [0, 0, 0, 0, id] + indexes + (payload ?? [])
    return record
  }
}
