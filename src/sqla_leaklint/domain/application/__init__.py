"""The application: endpoints, dependencies, tasks, and who calls whom with what."""
