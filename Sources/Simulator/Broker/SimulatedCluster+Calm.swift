extension SimulatedCluster {
  /// The brokers answer, nobody is frozen or cut off, and nothing misbehaves from now on.
  func calmDown() {
    access { state in
      state.faults = BrokerFaults()
      state.awayUntilNanos = 0
      for process in state.processes.keys.sorted() {
        state.processes[process]?.frozenUntilNanos = 0
        state.processes[process]?.cutOffUntilNanos = 0
      }
    }
  }
}
