import Base
import Decode
import Storage
import Synchronization
import Telemetry
import Testing

@testable import Pipeline

/// What the status says of lanes that wait for a schema.
@Suite struct SchemaWaitTests {
  private static func awaited(_ id: Int32, isDenied: Bool = false) -> AwaitedSchema {
    AwaitedSchema(
      id: id, isDenied: isDenied,
      topicPartition: TopicPartition(topic: "telemetry", partition: 0), offset: 4)
  }

  private static func progress(_ id: Int32?) -> LaneProgress {
    var progress = LaneProgress()
    progress.awaitedSchema = id.map { awaited($0) }
    return progress
  }

  /// Its trouble is asked for between looking at the lanes and saying what they wait for.
  private final class SlowDirectory: SchemaDirectory {
    let onAccount = Mutex<(@Sendable () -> Void)?>(nil)

    func answer(for id: Int32) -> SchemaAnswer? { nil }

    var account: SchemaAccount {
      let hook = onAccount.withLock { hook in
        defer { hook = nil }
        return hook
      }
      hook?()
      return SchemaAccount(place: "test")
    }
  }

  /// One lane says that it waits while the other one stops waiting.
  @Test func `a wait that is over is shown no longer, however reports cross`() throws {
    let directory = SlowDirectory()
    var options = try TestSources.options(sources: [TestSources.enveloped()])
    options.laneCount = 2
    options.schemas = directory
    let storage = MemoryStorage()
    let committer = Committer(
      options: options, storage: storage, pool: .test, incarnation: "i",
      log: TestSources.silentLog)
    let status = StatusBoard(options: options)
    let session = Session(
      options: options, storage: storage, committer: Monitor(committer), pool: .test, goal: .run,
      memory: SessionMemory(), status: status, log: TestSources.silentLog)
    func wait() -> PipelineStatus.ExternalWait? {
      status.status(progress: [], sources: options.sources).wait
    }
    session.laneProgressed(0, Self.progress(7))
    directory.onAccount.withLock {
      $0 = {
        session.laneProgressed(0, Self.progress(nil))
        session.laneProgressed(1, Self.progress(nil))
      }
    }
    session.laneProgressed(1, Self.progress(nil))
    session.tendSchemaWaits()
    session.laneProgressed(1, Self.progress(nil))
    session.tendSchemaWaits()
    #expect(wait() == nil)
    session.laneProgressed(1, Self.progress(9))
    session.tendSchemaWaits()
    #expect(wait()?.cause == .schemaRegistry && wait()?.detail == "schema 9")
  }

  @Test func `each schema has its own wait, and the oldest is shown`() throws {
    let options = try TestSources.options()
    let board = StatusBoard(options: options)
    func wait() -> PipelineStatus.ExternalWait? {
      board.status(progress: [], sources: options.sources).wait
    }
    board.note(awaitedSchemas: [Self.awaited(7), nil], trouble: "no answer")
    #expect(wait()?.detail == "schema 7: no answer")
    board.note(awaitedSchemas: [Self.awaited(7), Self.awaited(8, isDenied: true)], trouble: nil)
    #expect(wait()?.detail == "schema 7")
    board.note(awaitedSchemas: [nil, Self.awaited(8, isDenied: true)], trouble: nil)
    #expect(wait()?.detail.contains("put it back under its id") == true)
    board.note(awaitedSchemas: [], trouble: nil)
    #expect(wait() == nil)
  }
}
