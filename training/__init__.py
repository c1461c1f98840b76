"""From dance videos to bundles. Needs torch; the stage never imports this."""
