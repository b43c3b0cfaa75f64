"""Tests that set refjk beside real products: httpd, lighttpd, Tomcat, tshark."""
