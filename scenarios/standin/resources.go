package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/halfopen/halfopen/sidecar/policy"
)

// configure reads daprd's Configuration, as far as name resolution needs it.
func (d *daprd) configure() error {
	if d.config == "" {
		d.log.info("dapr.runtime", "loading default configuration")
		return nil
	}
	text, err := os.ReadFile(d.config)
	if err != nil {
		return fmt.Errorf("error loading configuration: %w", err)
	}
	var c struct {
		Spec struct {
			NameResolution struct {
				Component, Version string
				Configuration      struct{ Format string }
			} `yaml:"nameResolution"`
		}
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("error loading configuration: %w", err)
	}
	switch n := c.Spec.NameResolution; n.Component {
	case "", "mdns":
	case "nameformat":
		d.format = n.Configuration.Format
	default:
		return fmt.Errorf("couldn't find name resolver %s/%s", n.Component, n.Version)
	}
	return nil
}

// load reads the resources. What can't be read is told, and daprd runs on.
func (d *daprd) load() error {
	d.policies = policy.New()
	files, err := filepath.Glob(filepath.Join(d.resources, "*.yaml"))
	if err != nil || d.resources == "" {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		r, err := policy.Decode(text)
		switch {
		case errors.Is(err, policy.ErrOtherKind):
			continue
		case err != nil:
			d.log.error("dapr.runtime", "Could not parse resiliency file %s: %s", filepath.Base(file), err)
			continue
		case !r.Applies(d.id):
			continue
		}
		d.log.info("dapr.runtime", "Loading Resiliency configuration: %s", r.Metadata.Name)
		d.metrics.name = r.Metadata.Name
		if err := d.policies.Add(r); err != nil {
			d.log.error("dapr.runtime", "Could not read resiliency policy %s: %s", r.Metadata.Name, err)
			continue
		}
		d.metrics.add("dapr_resiliency_loaded", 1, label{"name", r.Metadata.Name}, label{"namespace", ""})
	}
	for _, line := range d.policies.Warnings() {
		d.log.warn("dapr.runtime", "%s", line)
	}
	return nil
}
