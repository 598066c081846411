internal import Base
package import Decode
internal import Storage

/// A Schema Registry as lanes see it: what they ask for is fetched on a thread of its own, once,
/// and kept for as long as the process lives; with a cache folder, for longer.
///
/// Until the registry answers, nothing is known: requests are repeated for ever, with growing
/// pauses. What a lane does meanwhile is its own affair.
///
/// **Threads:** `answer` and `account` from any; they never wait for the network.
package final class SchemaResolver: SchemaDirectory {
  fileprivate struct Shared: Sendable {
    var state: ResolverState
    var shouldEnd = false
  }

  private let shared: Monitor<Shared>
  private let thread: WorkerThread

  /// Starts the thread. `warn` is told, on that thread, what stands in the way: each sentence once
  /// until it is another one.
  package init(_ options: RegistryOptions, warn: @escaping @Sendable (String) -> Void) {
    let shared = Monitor(Shared(state: ResolverState(place: options.url)))
    self.shared = shared
    thread = WorkerThread(name: "schemas") {
      var fetch = SchemaFetch(options, shared: shared, warn: warn)
      fetch.run()
    }
  }

  /// What is known of the schema by now; nil while it is being asked for, which this begins.
  package func answer(for id: Int32) -> SchemaAnswer? {
    let now = MonotonicClock.nowNanos()
    return shared.update { $0.state.answer(for: id, nowNanos: now) }
  }

  package var account: SchemaAccount {
    let now = MonotonicClock.nowNanos()
    return shared.update { $0.state.account(nowNanos: now) }
  }

  /// Ends the thread, and the request it may be at; returns when it has ended, after about a second
  /// at the latest. Called once, before the process exits: libcurl and what it uses are taken down
  /// then.
  package func stop() {
    shared.update { $0.shouldEnd = true }
    thread.join()
  }
}

/// The resolver's thread.
private struct SchemaFetch: ~Copyable {
  private let shared: Monitor<SchemaResolver.Shared>
  private let client: RegistryClient
  private var cache: SchemaCache?
  private let warn: @Sendable (String) -> Void
  private var lastWarning: String?

  init(
    _ options: RegistryOptions, shared: Monitor<SchemaResolver.Shared>,
    warn: @escaping @Sendable (String) -> Void
  ) {
    self.shared = shared
    self.warn = warn
    client = RegistryClient(options) { shared.update { $0.shouldEnd } }
    guard let folder = options.cacheFolder else {
      cache = nil
      return
    }
    do {
      cache = try SchemaCache(folder: folder, url: options.url)
    } catch {
      cache = nil
      warn("schemas are not kept: \(error)")
    }
  }

  mutating func run() {
    while let id = nextID() {
      if let schema = cache?.schema(id: id) {
        take(schema, id)
      } else {
        ask(id)
      }
    }
  }

  /// Waits until there is something to ask; nil when the thread shall end.
  private func nextID() -> Int32? {
    while true {
      let now = MonotonicClock.nowNanos()
      let (step, shouldEnd) = shared.update { ($0.state.next(nowNanos: now), $0.shouldEnd) }
      if shouldEnd { return nil }
      switch step {
      case .ask(let id): return id
      case .wait(let until):
        let timeout = until.map { Int(max(0, $0 - now) / 1_000_000) + 1 }
        _ = shared.wait(timeoutMillis: timeout) { shared -> Bool? in
          let next = shared.state.next(nowNanos: MonotonicClock.nowNanos())
          return shared.shouldEnd || next != step ? true : nil
        }
      }
    }
  }

  private mutating func ask(_ id: Int32) {
    do throws(RegistryError) {
      let answer = try client.schemaBytes(id: id)
      let schema = try RegistrySchema(answer.bytes, url: answer.url)
      // Kept only once it has been read to its end: what cannot be read is asked for again.
      take(schema, id)
      keep(answer.bytes, id)
      lastWarning = nil
    } catch {
      // Given up because nobody needs the answer any more.
      if shared.update({ $0.shouldEnd }) { return }
      refuse(error, id)
    }
  }

  private func take(_ schema: RegistrySchema, _ id: Int32) {
    let answer = schema.answer
    shared.update { $0.state.take(answer, for: id, nowNanos: MonotonicClock.nowNanos()) }
  }

  private mutating func refuse(_ error: RegistryError, _ id: Int32) {
    let now = MonotonicClock.nowNanos()
    if error.reason == .notFound {
      shared.update { $0.state.takeNotFound(id, nowNanos: now) }
      return
    }
    let jitter = Double(RandomID.word() >> 11) / Double(1 << 53)
    shared.update { $0.state.takeFailure("\(error)", jitter: jitter, nowNanos: now) }
    say("waiting for schema \(id): \(error)")
  }

  private mutating func keep(_ bytes: [UInt8], _ id: Int32) {
    do throws(StorageError) {
      try cache?.keep(bytes, id: id)
    } catch {
      warn("schemas are not kept any more: \(error)")
      cache = nil
    }
  }

  private mutating func say(_ sentence: String) {
    if sentence == lastWarning { return }
    lastWarning = sentence
    warn(sentence)
  }
}
